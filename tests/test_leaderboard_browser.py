"""The page in a real browser: Chromium, headless, driven by Selenium.

Skipped where no browser is installed (Debian: ``apt-get install chromium chromium-driver``); ``.ci/run``
installs one. With COCONUT_BENCH_SCREENSHOTS=DIR the pictures that are taken are kept in DIR, to be looked
at.
"""

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from leaderboard_examples import predictions, result

from coconut_bench.leaderboard import add, read
from coconut_bench.leaderboard.page.site import write_page
from coconut_bench.leaderboard.store import SHIPPED

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)

pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER),
    reason="SKIPPED: no Chromium or no chromedriver is installed, the page was not tried",
)


def answers(share: float, seed: int) -> list[Any]:
    draw = random.Random(f"{share} {seed}")
    right = [draw.random() < share for _ in range(200)]
    return predictions(lambda index: right[index])


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets, four methods, five seeds, a quick row, and the quoted rows."""
    folder = tmp_path_factory.mktemp("board")
    path = folder / "leaderboard.json"
    for method, share in (("coconut", 0.97), ("cot", 0.98), ("no-cot", 0.5), ("pause-as-thought", 0.52)):
        row = result(
            {seed: answers(share, seed) for seed in range(5)},
            method=method,
            folder=folder / "run",
            dataset="prosqa",
        )
        add(path, row, predictions=folder / "run")
    row = result(
        {0: answers(0.7, 0)}, recipe="small", quick=True, folder=folder / "run", dataset="prosqa-tiny"
    )
    add(path, row, predictions=folder / "run")
    return path


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield started
    started.quit()


@pytest.fixture
def view(driver: Any, board: Path, tmp_path: Path) -> Any:
    """The page, just opened, at the size of a desktop and in light colours."""
    address = write_page(board, tmp_path / "site").as_uri()
    resize(driver, 1280, 1500)
    scheme(driver, "light")
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get(address)
    return driver


def resize(driver: Any, width: int, height: int) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def scheme(driver: Any, name: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": name}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def css(view: Any, selector: str) -> list[Any]:
    found: list[Any] = view.find_elements("css selector", selector)
    return found


def shown_methods(view: Any, section: str) -> list[str]:
    """The methods of the rows of a section that can be seen, in their order."""
    rows = css(view, f"section.{section} tbody[data-row]")
    return [row.get_attribute("data-method") for row in rows if row.is_displayed()]


def head(view: Any, key: str) -> Any:
    return css(view, f"section.measured th[data-key={key}]")[0]


def test_the_page_loads_without_an_error_or_a_request(view: Any) -> None:
    assert view.title == "Latent reasoning leaderboard"
    assert view.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in view.get_log("performance")]
    asked = {
        message["params"]["request"]["url"].partition("#")[0]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
        # The browser's own start page may still be loading its parts.
        and not message["params"]["documentURL"].startswith("chrome:")
    }
    # An empty data: address is the icon, which would otherwise be asked of a server.
    assert {address for address in asked if not address.startswith("data:")} == {view.current_url}


def test_the_policy_keeps_the_page_from_asking_anyone(view: Any) -> None:
    """Even a picture put into the page would not be fetched."""
    refused = view.execute_async_script(
        """
        const done = arguments[0];
        document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
        const picture = document.createElement("img");
        picture.src = "http://localhost:9/";
        document.body.append(picture);
        """
    )
    assert refused == "img-src"


def test_heads_sort_and_say_so(view: Any) -> None:
    assert shown_methods(view, "measured")[0] == "cot"
    assert head(view, "accuracy").get_attribute("aria-sort") == "descending"
    for expected in ("ascending", "descending"):
        head(view, "accuracy").find_element("css selector", "button").click()
        assert head(view, "accuracy").get_attribute("aria-sort") == expected
        rows = css(view, "section.measured")[0].find_elements("css selector", "tbody[data-row]")
        values = [float(row.get_attribute("data-accuracy")) for row in rows]
        assert values == sorted(values, reverse=expected == "descending")
    head(view, "method").find_element("css selector", "button").click()
    assert head(view, "accuracy").get_attribute("aria-sort") is None
    assert shown_methods(view, "measured")[:4] == ["coconut", "cot", "no-cot", "pause-as-thought"]
    assert view.get_log("browser") == []


def test_filters_leave_what_fits_in_tables_and_charts(view: Any) -> None:
    count = css(view, "#count")[0]
    assert count.text == "29 of 29 rows"
    css(view, "#search")[0].send_keys("pause")
    assert count.text == "7 of 29 rows"
    assert shown_methods(view, "measured") == ["pause-as-thought"]
    drawn = [mark for mark in css(view, "section.measured .charts g.series") if mark.is_displayed()]
    assert len(drawn) == 6
    css(view, "#search")[0].clear()
    css(view, "#quoted")[0].click()
    assert shown_methods(view, "quoted") == []
    assert count.text == "5 of 29 rows"
    css(view, "#quick")[0].click()
    assert count.text == "4 of 29 rows"
    css(view, "#dataset option[value=prosqa-tiny]")[0].click()
    assert count.text == "0 of 29 rows"
    assert [section for section in css(view, "main > section") if section.is_displayed()] == []
    assert view.get_log("browser") == []


def test_a_row_opens_and_closes_by_mouse_and_by_keyboard(view: Any, board: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    row = next(row for row in read(board).measured if row.method == "cot")
    opener = css(view, f"#row-{row.key} button.open")[0]
    detail = css(view, f"#detail-{row.key}")[0]
    assert (opener.get_attribute("aria-expanded"), detail.is_displayed()) == ("false", False)
    opener.click()
    assert (opener.get_attribute("aria-expanded"), detail.is_displayed()) == ("true", True)
    assert row.seeds[4].provenance.command not in detail.text, "seeds are folded"
    css(view, f"#detail-{row.key} details.seed summary")[4].click()
    for needed in (
        row.dataset.content_hash,
        row.recipe.hash,
        row.seeds[4].provenance.command,
        "torch 2.13.0",
    ):
        assert needed in detail.text
    opener.send_keys(Keys.ENTER)
    assert not detail.is_displayed()
    opener.send_keys(Keys.SPACE)
    assert detail.is_displayed()
    head(view, "method").find_element("css selector", "button").click()
    assert detail.is_displayed(), "what was opened stays open when the table is sorted"


def test_samples_are_filtered_by_the_method_that_answers_wrong(driver: Any, tmp_path: Path) -> None:
    driver.get(write_page(SHIPPED, tmp_path / "site").as_uri())
    named = 'value="coconut"'  # of several rows on one dataset the names say more
    panels = [one for one in css(driver, ".samples") if named in (one.get_attribute("innerHTML") or "")]
    assert panels
    for panel in panels:
        css(panel, "summary")[0].click()
        articles = css(panel, "article")
        whole = sum(article.is_displayed() for article in articles)
        [option] = [one for one in css(panel, ".wrong-by option") if one.get_attribute("value") == "coconut"]
        option.click()
        shown = [article for article in articles if article.is_displayed()]
        assert whole == len(articles) > len(shown) > 0
        assert all("coconut" in article.get_attribute("data-wrong").split("\n") for article in shown)


def test_an_address_with_a_row_opens_it(view: Any, board: Path) -> None:
    key = read(board).measured[0].key
    view.get(f"{view.current_url}#row-{key}")
    assert css(view, f"#detail-{key}")[0].is_displayed()


def test_ties_and_quoted_numbers_can_be_seen(view: Any) -> None:
    ranks = {
        row.get_attribute("data-method"): row.find_element("css selector", "td.rank").text
        for row in css(view, "section.measured")[0].find_elements("css selector", "tbody[data-row]")
    }
    assert ranks == {"cot": "1 tied", "coconut": "1 tied", "pause-as-thought": "3 tied", "no-cot": "3 tied"}
    styles = [
        css(view, f"section.{kind}")[0].value_of_css_property("border-top-style")
        for kind in ("quoted", "measured")
    ]
    assert styles == ["dashed", "none"]
    assert css(view, "section.quoted h2 .badge")[0].text == "quoted"


def test_everything_has_a_name_for_a_screen_reader(view: Any) -> None:
    unnamed = view.execute_script(
        """
        const named = (e) => e.labels?.length || e.getAttribute("aria-label") || e.textContent.trim();
        const all = [...document.querySelectorAll("button, input, select, a, svg[role=img], [role=region]")];
        return all.filter((e) => !named(e)).map((e) => e.outerHTML.slice(0, 80));
        """
    )
    assert unnamed == []
    broken = view.execute_script(
        """
        const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
        const controls = [...document.querySelectorAll("[aria-controls]")];
        const targets = controls.map((e) => e.getAttribute("aria-controls"));
        const scopes = [...document.querySelectorAll("th:not([scope])")].length;
        return [ids.length - new Set(ids).size, targets.filter((id) => !ids.includes(id)).length, scopes];
        """
    )
    assert broken == [0, 0, 0]
    assert css(view, "html")[0].get_attribute("lang") == "en"
    assert len(css(view, "h1")) == 1


def luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_and_marks_stand_out_in_both_colour_schemes(name: str, view: Any) -> None:
    scheme(view, name)
    names = [
        "paper",
        "panel",
        "ink",
        "quiet",
        "accent",
        "bad",
        "good",
        *(f"c{number}" for number in range(8)),
    ]
    colours = view.execute_script(
        "const style = getComputedStyle(document.documentElement);"
        "return Object.fromEntries(arguments[0].map((n) => [n, style.getPropertyValue('--' + n).trim()]))",
        names,
    )
    assert (luminance(colours["paper"]) > 0.5) == (name == "light")
    for text in names[2:]:
        for ground in ("paper", "panel"):
            high, low = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, f"{text} on {ground}"


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_nothing_is_wider_than_the_screen(width: int, view: Any) -> None:
    resize(view, width, 900)
    for opener in css(view, "button.open")[:2]:
        opener.click()
    view.execute_script("for (const folded of document.querySelectorAll('details')) folded.open = true")
    assert view.execute_script("return document.documentElement.scrollWidth") <= width
    if width < 600:
        cut = view.execute_script(
            "return [...document.querySelectorAll('td > div')].filter("
            "(e) => e.offsetParent && e.getBoundingClientRect().right > innerWidth).length"
        )
        assert cut == 0
    if width == 1280:
        cut = view.execute_script(
            "return [...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth)"
        )
        assert cut == [], "a desktop shows all columns"


def test_on_a_phone_rows_are_cards_that_can_be_sorted(view: Any) -> None:
    resize(view, 390, 900)
    assert not css(view, "thead th")[0].is_displayed()
    assert css(view, "#sort")[0].is_displayed()
    css(view, "#sort option")[1].click()
    assert shown_methods(view, "measured")[:4] == ["coconut", "cot", "no-cot", "pause-as-thought"]


def test_pictures_are_taken_in_light_dark_and_on_a_phone(view: Any, tmp_path: Path) -> None:
    folder = Path(os.environ.get("COCONUT_BENCH_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    taken = set()
    for name, width in (("light", 1280), ("dark", 1280), ("light-phone", 390), ("dark-phone", 390)):
        resize(view, width, 1600)
        scheme(view, name.partition("-")[0])
        view.save_screenshot(str(folder / f"page-{name}.png"))
        taken.add((folder / f"page-{name}.png").read_bytes())
    assert len(taken) == 4
