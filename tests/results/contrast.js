// Texts whose contrast with what is behind them is less than WCAG 2 AA asks for, as strings; once for each look.
const LEAST = 4.5;

function channels(text) {
  const found = text.match(/[\d.]+/g).map(Number);
  return { rgb: found.slice(0, 3), alpha: found.length > 3 ? found[3] : 1 };
}

function luminance(rgb) {
  const [r, g, b] = rgb.map(value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function behind(element) {
  for (let each = element; each; each = each.parentElement) {
    const back = channels(getComputedStyle(each).backgroundColor);
    if (back.alpha === 1) return back.rgb;
  }
  return [255, 255, 255];
}

const bad = new Set();
for (const details of document.querySelectorAll("details")) details.open = true;
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  if (!texts.currentNode.textContent.trim() || element.closest("script, style, title, .p-flag-text")) continue;
  if (element.matches(".p-flag-text")) continue;
  const style = getComputedStyle(element);
  const front = channels(element instanceof SVGElement ? style.fill : style.color).rgb;
  const [light, dark] = [luminance(front), luminance(behind(element))].sort((a, b) => b - a);
  const ratio = (light + 0.05) / (dark + 0.05);
  if (ratio < LEAST) bad.add(`${element.tagName}.${element.getAttribute("class")} ${ratio.toFixed(2)}`);
}
return [...bad];
