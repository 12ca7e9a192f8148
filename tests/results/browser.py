"""A headless Chromium, driven by selenium; nothing is fetched: both programs are Debian's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromedriver")
DESKTOP, PHONE = (1280, 900), (360, 740)


def missing() -> str:
    """What is not there, and how one gets it; empty when all is."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"no {' and no '.join(absent)} here: apt-get install chromium chromium-driver" if absent else ""


class Browser:
    """One tab."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, file: Path, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> None:
        """Open a page from disk, on a screen of that size, in the light or the dark scheme."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme_asked = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme_asked)
        self.driver.get("about:blank")
        self.driver.get(file.as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        """What stands on the console since the last look."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def keep(self, file: Path) -> None:
        """A screenshot of what is on the screen."""
        file.parent.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(file))


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser until the block ends."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    # In containers there is neither a sandbox for root nor much of /dev/shm.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
