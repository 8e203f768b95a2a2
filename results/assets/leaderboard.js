// Sorting, filters and the metric shown in the overview. The page is complete without it.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const data = JSON.parse($("#data").textContent);
  const status = $("#status");

  // Tables: a header button sorts by its column; cells without a value stay last.
  const key = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.v === undefined) return cell.classList.contains("none") ? null : cell.textContent.trim();
    return cell.dataset.v === "" ? null : Number(cell.dataset.v);
  };
  const sort = (header) => {
    const table = header.closest("table"), column = header.cellIndex;
    const first = header.dataset.first || "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const direction = header.getAttribute("aria-sort") === first ? other : first;
    $$("th[aria-sort]", table).forEach((th) => th.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [key(row, column), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
    });
    rows.forEach(([, row]) => body.append(row));
    // The first column shows the rank in the metric sorted by.
    if (header.dataset.metric)
      [...body.rows].forEach((row) => {
        const rank = row.cells[column].dataset.rank;
        $(".rank", row).textContent = rank && rank !== "0" ? rank : "–";
      });
    if (status) status.textContent = `sorted by ${header.textContent.trim()}, ${direction}`;
  };
  $$("table.sortable th button").forEach((button) => button.addEventListener("click", () => sort(button.closest("th"))));

  // Filters.
  const selects = $$("select[data-filter]"), search = $("#search"), reference = $("#reference"), level = $("#level");
  const apply = () => {
    const wanted = Object.fromEntries(selects.map((s) => [s.dataset.filter, s.value]));
    const words = search.value.trim().toLowerCase();
    $$(".view, .group").forEach((block) => {
      const keep = selects.every((s) => {
        const mine = block.dataset[s.dataset.filter];
        return wanted[s.dataset.filter] === "" || mine === undefined || mine === wanted[s.dataset.filter];
      });
      block.hidden = !keep || (block.classList.contains("paper") && reference && !reference.checked);
    });
    $$(".reference").forEach((block) => (block.hidden = reference && !reference.checked));
    $$("tr[data-model]").forEach((row) => {
      const named = words === "" || row.dataset.model.toLowerCase().includes(words);
      const verified = row.dataset.level === undefined || row.closest(".paper, .reference") || Number(row.dataset.level) >= Number(level.value);
      row.hidden = !(named && verified);
    });
    $$(".group").forEach((group) => {
      if (!group.hidden && !$$(".view", group).some((view) => !view.hidden)) group.hidden = true;
    });
    const shown = $$(".view").filter((view) => !view.hidden && !view.closest(".group").hidden).length;
    if (status) status.textContent = `${shown} tables shown`;
  };
  selects.forEach((select) => select.addEventListener("change", apply));
  search.addEventListener("input", apply);
  level.addEventListener("change", apply);
  if (reference) reference.addEventListener("change", apply);

  // The metric of overview and charts.
  const metric = $("#metric");
  const show = () => {
    const id = metric.value;
    $$("[data-chart]").forEach((chart) => (chart.hidden = chart.dataset.chart !== id));
    const info = data.metrics.find((m) => m.id === id);
    $$("td[data-cell]").forEach((cell) => {
      const [view, row] = cell.dataset.cell.split(",").map(Number);
      const value = data.views[view].rows[row].metrics[id];
      cell.textContent = value ? value.text : "–";
      cell.dataset.v = value ? value.mean : "";
      cell.classList.toggle("none", !value);
      cell.classList.toggle("best", Boolean(value && value.rank === 1));
      cell.style.setProperty("--b", value ? value.bar : 0);
    });
    $$("table.matrix th[data-first]").forEach((th) => {
      th.dataset.first = info.higher_is_better ? "descending" : "ascending";
      th.removeAttribute("aria-sort");
    });
    $("#metric-note").textContent = `${info.label}: ${info.formula ? info.formula + "; " : ""}${info.higher_is_better ? "higher" : "lower"} is better`;
  };
  metric.addEventListener("change", show);
  $$(".js").forEach((element) => (element.hidden = false));
  show();
  apply();
})();
