"use strict";

// One table body per row, with its details; its values are in data-KEY.
const bodies = [...document.querySelectorAll("main tbody[data-row]")];
const tables = [...document.querySelectorAll(".scroll > table")];
const find = (id) => document.getElementById(id);

function setOpen(body, open) {
  const button = body.querySelector("button.open");
  if (!button) return;
  button.setAttribute("aria-expanded", String(open));
  find(button.getAttribute("aria-controls")).hidden = !open;
}

function sortTable(table, key, direction) {
  const sign = direction === "ascending" ? 1 : -1;
  const value = (body) => body.getAttribute(`data-${key}`) ?? "";
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    const difference = Number(x) - Number(y);
    return sign * (Number.isNaN(difference) ? x.localeCompare(y) : difference);
  };
  // Array sort is stable: ties keep their order.
  table.append(...[...table.tBodies].sort(compare));
  for (const head of table.tHead.rows[0].cells) {
    if (head.dataset.key === key) head.setAttribute("aria-sort", direction);
    else head.removeAttribute("aria-sort");
  }
}

function sortByHead(head) {
  const other = { ascending: "descending", descending: "ascending" };
  const direction = other[head.getAttribute("aria-sort")] ?? head.querySelector("button").dataset.first;
  sortTable(head.closest("table"), head.dataset.key, direction);
}

function filter() {
  const words = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const [dataset, method] = [find("dataset").value, find("method").value];
  let shown = 0;
  for (const body of bodies) {
    const section = body.closest("section");
    const text = `${section.dataset.dataset} ${body.rows[0].textContent}`.toLowerCase();
    const kept = (!dataset || section.dataset.dataset === dataset)
      && (!method || body.dataset.method === method)
      && (find("quick").checked || !body.hasAttribute("data-quick"))
      && (find("quoted").checked || !section.classList.contains("quoted"))
      && words.every((word) => text.includes(word));
    body.hidden = !kept;
    shown += kept;
    const row = `[data-row="${body.dataset.row}"]`;
    for (const mark of section.querySelectorAll(`.charts ${row}, .legend ${row}`)) mark.classList.toggle("off", !kept);
  }
  for (const section of document.querySelectorAll("main > section")) {
    section.hidden = ![...section.querySelectorAll("tbody[data-row]")].some((body) => !body.hidden);
  }
  for (const mark of document.querySelectorAll(".hollow")) mark.classList.toggle("off", !find("quoted").checked);
  find("count").textContent = `${shown} of ${bodies.length} rows`;
}

function openTarget() {
  const target = location.hash && find(location.hash.slice(1));
  if (target && bodies.includes(target)) setOpen(target, true);
}

for (const body of bodies) {
  setOpen(body, false);
  const button = body.querySelector("button.open");
  button?.addEventListener("click", () => setOpen(body, button.getAttribute("aria-expanded") !== "true"));
}
for (const table of tables) {
  for (const head of table.tHead.rows[0].cells) {
    head.querySelector("button").addEventListener("click", () => sortByHead(head));
  }
  sortTable(table, "accuracy", "descending");
}
find("sort").value = "accuracy";
find("sort").addEventListener("change", () => {
  const key = find("sort").value;
  for (const table of tables) {
    const head = [...table.tHead.rows[0].cells].find((cell) => cell.dataset.key === key);
    if (head) sortTable(table, key, head.querySelector("button").dataset.first);
  }
});
for (const panel of document.querySelectorAll(".samples")) {
  const choice = panel.querySelector(".wrong-by");
  choice.parentElement.hidden = false;
  choice.addEventListener("change", () => {
    for (const sample of panel.querySelectorAll("article")) {
      sample.hidden = choice.value !== "" && !sample.dataset.wrong.split("\n").includes(choice.value);
    }
  });
}
for (const event of ["input", "change"]) document.querySelector(".filters").addEventListener(event, filter);
document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", openTarget);
document.querySelector(".filters").hidden = false;
filter();
openTarget();
