// Elements are built from values, never from markup: what a bot sends can't become script.

export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const PATHS = {
  again: "M20 12a8 8 0 1 1-2.500-5.800M20 4v4.500h-4.500",
  add: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
  block: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM6 6l12 12",
  calls: "M4 6h16M4 12h10M4 18h13",
  chat: "M4 5h16v11H10l-5 4v-4H4z",
  card: "M3 6h18v12H3zM3 10h18M6.500 15h4",
  check: "M5 12l5 5 9-11",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.500 2",
  close: "M6 6l12 12M18 6L6 18",
  commands: "M4 7h16M4 12h16M4 17h10",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  flow: "M12 4v14M6 12l6 6 6-6",
  globe: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c3 3 3.500 6 3.500 9s-.5 6-3.500 9c-3-3-3.500-6-3.500-9s.5-6 3.500-9z",
  link: "M8 16L17 7M9 7h8v8",
  more: "M12 5v.5M12 11.750v.5M12 18.500v.5",
  people: "M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM2.500 20c0-4 3-6 6.500-6s6.500 2 6.500 6M16 4.500a3.500 3.500 0 0 1 0 6.500M18 14.500c2.300.8 3.500 2.700 3.500 5.500",
  phone: "M7 2.500h10v19H7zM11 18.500h2",
  plug: "M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l4.500 4.500",
  send: "M4 11.500L20 4l-5 16-4-6.500zM20 4l-9 9.500",
  server: "M4 4h16v6H4zM4 14h16v6H4zM8 7v.01M8 17v.01",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.400 1.400M17.600 17.600L19 19M5 19l1.400-1.400M17.600 6.400L19 5",
  twice: "M4 5h8v15H4zM14.500 5H20v15h-5.500",
  warn: "M12 4l9 16H3zM12 10v4.500M12 17.300v.01",
};

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A small square button that shows an icon and speaks its name. */
export function iconButton(name, label, onclick, props = {}) {
  return h("button", { type: "button", class: "icon-button", title: label, "aria-label": label, onclick, ...props }, icon(name));
}

const GRADIENTS = [["#ff885e", "#ff516a"], ["#ffcd6a", "#ffa85c"], ["#82b1ff", "#665fff"], ["#a0de7e", "#54cb68"],
  ["#53edd6", "#28c9b7"], ["#72d5fd", "#2a9ef1"], ["#e0a2f3", "#d669ed"]];

export function avatar(id, name) {
  const [from, to] = GRADIENTS[Math.abs(Number(id)) % GRADIENTS.length];
  const letters = name.split(/\s+/).filter(Boolean).slice(0, 2).map((word) => [...word][0].toUpperCase()).join("");
  return h("span", { class: "avatar", "aria-hidden": "true", style: { background: `linear-gradient(${from}, ${to})` } }, letters || "?");
}

/** Run at most once per frame, however often it is asked for. */
export function perFrame(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; work(); });
  };
}

/** Run `work` alone, once more if asked while it ran: answers never overtake each other. */
export function coalesce(work) {
  let running = null;
  let again = false;
  const run = async () => {
    do { again = false; await work(); } while (again);
  };
  return () => {
    if (running) { again = true; return running; }
    running = run().finally(() => { running = null; });
    return running;
  };
}

/** Make `wanted` the children of a container, touching only what differs: what stays keeps focus and animation. */
export function arrange(container, wanted) {
  const kept = new Set(wanted);
  for (const child of [...container.childNodes]) if (!kept.has(child)) child.remove();
  wanted.forEach((child, i) => { if (container.childNodes[i] !== child) container.insertBefore(child, container.childNodes[i] ?? null); });
}

const drawn = new WeakMap();

/**
 * Draw a list whose rows are {key, print, build}: a row is built anew only when its print changed, so that a click
 * or the focus is not lost to a refresh. `empty` is shown when there are none.
 */
export function drawRows(container, rows, empty) {
  const old = drawn.get(container) ?? new Map();
  const focused = container.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const kept = new Map(rows.map(({ key, print, build }) => {
    const known = old.get(key);
    return [key, known?.print === print ? known : { print, node: build(known !== undefined) }];
  }));
  drawn.set(container, kept);
  arrange(container, kept.size || !empty ? [...kept.values()].map(({ node }) => node) : [empty]);
  if (focused && !container.contains(document.activeElement)) container.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}
