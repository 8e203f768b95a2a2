#!/usr/bin/env python3
"""The leaderboard in a real browser: site_test.py SITE [--browser PROGRAM] [--screenshots FOLDER].

Opens SITE/index.html, a page of a model and one of a run in headless Chromium; ends with "N passed, N failed".
"""
import argparse
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).parent))
from devtools import Browser  # noqa: E402

PHONE = (390, 844)
SLOWEST_MS = 15000  # a hang is a failure; how fast the page opens is measured, not tested

HELPERS = r"""
window.shown = (e) => e.getClientRects().length > 0;
window.column = (th) => [...th.closest('table').tBodies[0].rows].map((row) => {
  const cell = row.cells[th.cellIndex];
  return cell.dataset.v === undefined || cell.dataset.v === '' ? null : Number(cell.dataset.v);
});
window.sorted = (values, sign) => {
  const known = values.filter((v) => v !== null);
  const missing_last = values.slice(known.length).every((v) => v === null);
  return missing_last && known.every((v, i) => i === 0 || sign * (v - known[i - 1]) >= 0);
};
window.choose = (selector, value) => {
  const field = document.querySelector(selector);
  field.value = value;
  field.dispatchEvent(new Event(field.tagName === 'INPUT' ? 'input' : 'change', {bubbles: true}));
};
"""


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if given.get("id"):
            self.names.add(given["id"])
        for key in ("href", "src"):
            if given.get(key):
                self.targets.append(given[key])


class Test:
    def __init__(self, site: Path, browser: Browser):
        self.site, self.browser, self.passed, self.failed = site, browser, 0, 0

    def check(self, name: str, good: bool, detail: str = "") -> None:
        self.passed += good
        self.failed += not good
        if not good:
            print(f"FAILED: browser, {name}{': ' + str(detail) if detail else ''}")

    def open(self, path: Path) -> float:
        self.browser.problems.clear()
        milliseconds = self.browser.open(path.as_uri())
        self.browser.js(HELPERS)
        return milliseconds

    # One page of the overview
    def opens(self) -> None:
        milliseconds = self.open(self.site / "index.html")
        rows = self.browser.js("document.querySelectorAll('table.runs tbody tr').length")
        print(f"index.html opened in {milliseconds:.0f} ms, {rows} rows of runs")
        self.check("the page opens", milliseconds < SLOWEST_MS and rows > 0, f"{milliseconds} ms, {rows} rows")
        self.check("scripted controls appear", self.browser.js("shown(document.querySelector('.controls'))"))

    def sorts(self) -> None:
        headers = self.browser.js(
            "[...document.querySelectorAll('table.runs')].findIndex((t) => t.tBodies[0].rows.length > 3)")
        table = f"document.querySelectorAll('table.runs')[{headers}]"
        count = self.browser.js(f"{table}.querySelectorAll('th[data-metric]').length")
        wrong = self.browser.js(f"""[...{table}.querySelectorAll('th[data-metric]')].flatMap((th) => {{
          const found = [];
          for (let turn = 0; turn < 2; ++turn) {{
            th.querySelector('button').click();
            const direction = th.getAttribute('aria-sort');
            if (!sorted(column(th), direction === 'ascending' ? 1 : -1))
              found.push(th.dataset.metric + ' ' + direction);
          }}
          return found; }})""")
        self.check("columns sort both ways, missing values last", count > 0 and not wrong, wrong)
        self.check("one column is marked as sorted",
                   self.browser.js(f"{table}.querySelectorAll('th[aria-sort]').length") == 1)
        names = self.browser.js(f"""(() => {{ const th = {table}.querySelector('th');
          th.querySelector('button').click();
          return [...{table}.tBodies[0].rows].map((row) => row.cells[0].textContent.trim()); }})()""")
        self.check("names sort", len(names) > 1 and len(set(names)) == len(names), names)
        ranks = self.browser.js(f"""(() => {{ const th = {table}.querySelector('th[data-metric=rmse]');
          th.querySelector('button').click();
          return [...{table}.tBodies[0].rows].map((row) => row.querySelector('.rank').textContent); }})()""")
        self.check("the rank follows the sorted column", ranks[:3] == ["1", "2", "3"], ranks[:5])

    def sorts_by_keyboard(self) -> None:
        before = self.browser.js("""(() => { const b = document.querySelector('table.runs th[data-metric=mae] button');
          b.focus(); return document.activeElement === b; })()""")
        self.browser.key("Enter", 13, "\r")
        sorted_by = self.browser.js(
            "document.querySelector('table.runs th[data-metric=mae]').getAttribute('aria-sort')")
        self.check("a header sorts by the keyboard", before and sorted_by == "ascending", sorted_by)

    def filters(self) -> None:
        visible = "[...document.querySelectorAll('section.group[data-scenario]')].filter(shown)"
        before = self.browser.js(f"{visible}.length")  # other test windows and rounds are hidden at first
        scenarios = self.browser.js("""[...document.querySelectorAll('[data-filter=scenario] option')]
          .map((o) => o.value).filter((v) => v)""")
        for wanted in scenarios[:2]:
            self.browser.js(f"choose('[data-filter=scenario]', '{wanted}')")
            kept = self.browser.js(f"{visible}.map((g) => g.dataset.scenario)")
            self.check(f"filter scenario {wanted}", kept and set(kept) == {wanted}, kept)
        self.browser.js("choose('[data-filter=scenario]', ''); choose('[data-filter=setting]', 'finetune')")
        kept = self.browser.js("""[...document.querySelectorAll('.view[data-setting]')].filter(shown)
          .map((v) => v.dataset.setting)""")
        self.check("filter setting", kept and set(kept) == {"finetune"}, set(kept))
        self.browser.js("choose('[data-filter=setting]', ''); choose('#search', 'fno')")
        kept = self.browser.js("""[...document.querySelectorAll('tr[data-model]')].filter(shown)
          .map((r) => r.dataset.model.toLowerCase())""")
        self.check("search for a model", kept and all("fno" in name for name in kept), kept[:5])
        self.browser.js("choose('#search', ''); choose('#level', '4')")
        kept = self.browser.js("""[...document.querySelectorAll('table.runs tr[data-level]')].filter(shown)
          .filter((r) => Number(r.dataset.level) < 4).length""")
        self.check("filter level", kept == 0, kept)
        self.browser.js("choose('#level', '0')")
        self.browser.js("document.querySelector('#reference').click()")
        self.check("figures of papers can be hidden", self.browser.js(
            "[...document.querySelectorAll('section.paper, .reference')].filter(shown).length") == 0)
        self.browser.js("document.querySelector('#reference').click()")
        after = self.browser.js(f"{visible}.length")
        self.check("every group is back", before == after > 0, (before, after))

    def changes_metric(self) -> None:
        same = self.browser.js("""(() => {
          const text = () => [...document.querySelectorAll('td[data-cell]')].map((c) => c.textContent).join();
          const before = text(), charts = () => [...document.querySelectorAll('[data-chart]')].filter(shown)
            .map((c) => c.dataset.chart);
          const first = charts();
          choose('#metric', 'r2');
          const second = charts();
          return {same: before === text(), first, second, note: document.querySelector('#metric-note').textContent};
        })()""")
        self.check("another metric fills the overview", not same["same"] and same["note"].startswith("R2"), same)
        self.check("another metric shows its charts",
                   set(same["first"]) == {"rel_l2"} and set(same["second"]) == {"r2"}, same["second"][:4])
        self.browser.js("choose('#metric', 'rel_l2')")

    def turns_dark(self) -> None:
        paper = "getComputedStyle(document.body).backgroundColor"
        self.browser.colours("light")
        light = self.browser.js(paper)
        self.browser.js("document.querySelector('#theme').click()")
        dark = self.browser.js(paper)
        self.browser.js("document.querySelector('#theme').click()")
        self.check("the button changes the colours and back",
                   light != dark and self.browser.js(paper) == light, (light, dark))
        self.browser.colours("dark")
        self.open(self.site / "index.html")
        self.check("dark as the system says", self.browser.js(paper) == dark, self.browser.js(paper))
        self.browser.colours("light")

    def is_labelled(self, name: str) -> None:
        bare = self.browser.js("""[...document.querySelectorAll('select, input, button, svg, img, .scroll')]
          .filter((e) => !(e.closest('label') || e.textContent.trim() || e.getAttribute('aria-label')
            || e.getAttribute('alt') || e.closest('[aria-hidden=true]'))).map((e) => e.outerHTML.slice(0, 80))""")
        self.check(f"{name}: every control and picture has a name", not bare, bare[:3])

    def fits_a_phone(self, path: Path) -> None:
        self.browser.size(*PHONE, phone=True)
        self.open(path)
        wide = self.browser.js("""(() => {
          document.querySelectorAll('details').forEach((d) => (d.open = true));
          return document.documentElement.scrollWidth - window.innerWidth; })()""")
        self.check(f"{path.name[:20]}: no horizontal scroll at {PHONE[0]} px", wide <= 0, f"{wide} px too wide")
        self.browser.size(1280, 900)

    def links_lead_somewhere(self, path: Path) -> None:
        links = Links()
        links.feed(path.read_text(encoding="utf-8"))
        missing = []
        for target in links.targets:
            if target.startswith("data:"):
                continue
            file, _, name = target.partition("#")
            if "://" in file or (file and not (path.parent / unquote(file)).exists()) or \
                    (not file and name and name not in links.names):
                missing.append(target)
        self.check(f"{path.name[:20]}: {len(links.targets)} links lead somewhere", not missing, missing[:3])

    def follows_a_link(self) -> None:
        self.open(self.site / "index.html")
        self.browser.js("document.querySelector('table.runs a[href^=\"models/\"]').click()")
        self.browser.js("new Promise((done) => setTimeout(done, 500))")
        self.check("a model's name leads to its page", "/models/" in self.browser.js("location.href"))

    def page_is_quiet(self, path: Path) -> None:
        self.open(path)
        self.check(f"{path.name[:20]}: nothing on the console", not self.browser.problems, self.browser.problems[:3])
        self.is_labelled(path.name[:20])

    def run(self) -> None:
        self.browser.size(1280, 900)
        self.opens()
        self.sorts()
        self.sorts_by_keyboard()
        self.filters()
        self.changes_metric()
        self.check("nothing on the console after all that", not self.browser.problems, self.browser.problems[:3])
        self.turns_dark()
        pages = [self.site / "index.html"]
        for folder in ("models", "runs", "reports"):
            pages += sorted((self.site / folder).glob("*.html"))[:2]
        for page in pages:
            self.page_is_quiet(page)
            self.links_lead_somewhere(page)
            self.fits_a_phone(page)
        self.follows_a_link()
        foreign = [r for r in self.browser.requests if not r.startswith(("file:", "data:", "about:"))]
        self.check("nothing is loaded from the network", not foreign, foreign[:3])


def screenshots(site: Path, browser: Browser, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model = sorted((site / "models").glob("*.html"))[0]
    run = sorted((site / "runs").glob("*.html"))[0]
    for name, page in (("index", site / "index.html"), ("model", model), ("run", run)):
        for scheme in ("light", "dark"):
            browser.colours(scheme)
            browser.size(1280, 1600)
            browser.open(page.as_uri())
            browser.screenshot(str(folder / f"{name}-{scheme}.png"))
        browser.colours("light")
        browser.size(*PHONE, phone=True)
        browser.open(page.as_uri())
        browser.screenshot(str(folder / f"{name}-phone.png"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("--browser", default="chromium")
    parser.add_argument("--screenshots", type=Path)
    given = parser.parse_args()
    browser = Browser(given.browser)
    test = Test(given.site.resolve(), browser)
    try:
        test.run()
        if given.screenshots:
            screenshots(given.site.resolve(), browser, given.screenshots)
    except (RuntimeError, TimeoutError) as problem:
        test.check("runs to its end", False, problem)
    finally:
        browser.close()
    print(f"{test.passed} passed, {test.failed} failed")
    return 0 if test.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
