"use strict";
const form = document.getElementById("filter"), find = document.getElementById("find");
const shown = document.getElementById("shown"), unfold = document.getElementById("unfold");
const all = [...document.querySelectorAll("details.requirement")];
const texts = new Map();

function textOf(each) {
  if (!texts.has(each)) texts.set(each, each.textContent.toLowerCase());
  return texts.get(each);
}

function filter() {
  const verdicts = new Set([...form.querySelectorAll("[name=verdict]:checked")].map(box => box.value));
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const each of all) {
    each.hidden = !verdicts.has(each.dataset.verdict) || !words.every(word => textOf(each).includes(word));
    count += each.hidden ? 0 : 1;
  }
  for (const profile of document.querySelectorAll("section.profile"))
    profile.hidden = !profile.querySelector("details.requirement:not([hidden])");
  shown.value = `${count} of ${all.length} requirements shown`;
}

function follow() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target || !target.matches("details.requirement")) return;
  target.hidden = false;
  target.closest("section.profile").hidden = false;
  target.open = true;
  target.scrollIntoView();
  target.querySelector("summary").focus();
}

form.hidden = false;
form.addEventListener("input", filter);
form.addEventListener("submit", event => event.preventDefault());
unfold.addEventListener("click", () => { for (const each of all) if (!each.hidden) each.open = true; });
addEventListener("hashchange", follow);
filter();
follow();
