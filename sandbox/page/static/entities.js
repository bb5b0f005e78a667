// Message text with its entities as elements. Offsets are UTF-16 units, the units of JavaScript's strings.

import { h } from "./dom.js";
import { t } from "./i18n.js";
import { copy } from "./toast.js";

/** Give the nodes of a text; `act` has `command(text)` and `open(url)` of the phone that shows it, `place` for toasts. */
export function formatted(text, entities = [], act) {
  const sorted = entities.map((entity, order) => ({ ...entity, order }))
    .sort((a, b) => a.offset - b.offset || b.length - a.length || a.order - b.order);
  return nodes(text, sorted, 0, text.length, act);
}

// A block ends its own line: the line break behind it is not one more.
const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);

function nodes(text, entities, from, to, act) {
  const found = [];
  let at = from;
  for (let i = 0; i < entities.length; i += 1) {
    const entity = entities[i];
    const end = Math.min(entity.offset + entity.length, to);
    if (entity.offset < at) continue;
    if (entity.offset > at) found.push(text.slice(at, entity.offset));
    const inner = entities.slice(i + 1).filter((other) => other.offset >= entity.offset && other.offset + other.length <= end);
    found.push(wrap(entity, text.slice(entity.offset, end), nodes(text, inner, entity.offset, end, act), act));
    at = BLOCKS.has(entity.type) && text[end] === "\n" ? end + 1 : end;
  }
  if (at < to) found.push(text.slice(at, to));
  return found;
}

const PLAIN_TAGS = { bold: "b", italic: "i", underline: "u", strikethrough: "s" };

function wrap(entity, text, inner, act) {
  if (PLAIN_TAGS[entity.type]) return h(PLAIN_TAGS[entity.type], {}, inner);
  switch (entity.type) {
    case "code":
    case "pre":
      return Object.assign(pressable(entity.type, "", () => copy(text, act.place), inner), { title: t("tapToCopy") });
    case "blockquote":
      return h("blockquote", {}, inner);
    case "expandable_blockquote":
      return pressable("blockquote", "folded", (element) => element.classList.toggle("folded"), inner);
    case "spoiler":
      return pressable("span", "spoiler", (element) => element.classList.add("seen"), inner);
    case "bot_command":
      return h("a", { href: "#", onclick: (event) => { event.preventDefault(); act.command(text); } }, inner);
    case "text_link":
      return link(entity.url, inner, act);
    case "url":
      return link(/^[a-z][\w+.-]*:/i.test(text) ? text : `http://${text}`, inner, act);
    case "email":
      return link(`mailto:${text}`, inner, act);
    case "phone_number":
      return link(`tel:${text}`, inner, act);
    case "mention": case "hashtag": case "cashtag": case "text_mention":
      return h("span", { class: "mention" }, inner);
    default:
      return h("span", {}, inner);
  }
}

function pressable(tag, name, press, inner) {
  const element = h(tag, { class: name, tabIndex: 0, role: "button", onclick: () => press(element) }, inner);
  element.addEventListener("keydown", (event) => { if (event.key === "Enter") press(element); });
  return element;
}

function link(url, inner, act) {
  const open = (event) => { event.preventDefault(); act.open(url); };
  return h("a", { href: url, title: url, target: "_blank", rel: "noreferrer", onclick: open }, inner);
}
