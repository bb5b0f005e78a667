// What each panel holds: the accounts its core would let in.

import { panel } from "./api.js";
import { coalesce, drawRows, h, icon, iconButton } from "./dom.js";
import { bytes, span, t } from "./i18n.js";
import { copy, shown } from "./toast.js";
import { emit, on } from "./world.js";

const GIGABYTE = 1024 ** 3;
const LOOK_EVERY_MS = 10_000;

class PanelCard {
  constructor({ name, url, about }) {
    this.panel = panel(name);
    this.count = h("small");
    this.light = h("i", { class: "light" });
    this.plug = h("input", { type: "checkbox", role: "switch", "aria-label": t("unplugHint"), onchange: shown(() => this.setOutage()) });
    this.list = h("div", { class: "accounts" });
    this.look = coalesce(() => this.fetch());
    this.node = h("div", { class: "panel" },
      h("header", {}, this.light, h("b", { title: about }, name), this.count,
        url ? h("a", { href: url, target: "_blank", rel: "noreferrer", title: t("panelPage") }, icon("link")) : null,
        h("label", { class: "switch", title: t("unplugHint") }, icon("plug"), h("span", {}, t("unplug")), this.plug)),
      this.list);
  }

  async setOutage() {
    await this.panel.outage(this.plug.checked);
    if (this.plug.checked) emit("outage", this.panel.name);
    await this.look();
    emit("faults");
  }

  async fetch() {
    const [accounts, faults, clock] = await Promise.all([this.panel.users(), this.panel.faults(), this.panel.clock()]);
        this.plug.checked = faults.down;
    this.node.classList.toggle("down", faults.down);
    this.light.title = t(faults.down ? "unplugged" : "answering");
    this.count.textContent = faults.down ? t("unplugged") : t("accounts", { n: accounts.length });
    drawRows(this.list, accounts.map((account) => this.row(account, clock.now)), h("p", { class: "nothing" }, t("noAccounts")));
    if (accounts.length) emit("accounts", accounts.length);
  }

  row(account, now) {
    const left = ends(account.expire, now);
    const where = inbounds(account);
    const shownFields = [account.status, left, account.data_limit, account.used_traffic, account.can_connect, where];
    const build = (known) => this.rowNode(account, left, known);
    return { key: account.key ?? account.username, print: JSON.stringify(shownFields), build };
  }

  rowNode(account, left, known) {
    const act = (name) => ({ dataset: { key: `${name}:${account.username}` } });
    return h("div", { class: known ? "account changed" : "account" },
      h("span", {}, admission(account), h("code", { title: [account.username, account.note].filter(Boolean).join("\n") }, account.username),
        statusChip(account), h("small", { class: "ends" }, left)),
      h("span", {}, traffic(account), inbounds(account) && h("small", { class: "traffic", title: t("inbounds") }, inbounds(account)), h("span", { class: "account-actions" },
        account.links?.length ? iconButton("copy", t("copyLinks"), () => copy(account.links.join("\n")), act("copy")) : null,
        account.zombie ? null : [
          iconButton("flow", t("flow"), shown(() => this.change(this.panel.flow(account.username, GIGABYTE))), act("flow")),
          iconButton("bin", t("forget"), shown(() => this.change(this.panel.lose(account.username))), act("lose"))])));
  }

  async change(done) {
    await done;
    await this.look();
  }
}

function admission({ can_connect: lets }) {
  const label = t(lets ? "connects" : "refused");
  return h("span", { class: lets ? "lets" : "lets not", role: "img", title: label, "aria-label": label }, icon(lets ? "check" : "block"));
}

function statusChip(account) {
  const status = account.zombie ? "zombie" : account.status;
  return h("span", { class: "chip", dataset: { status } }, t(status));
}

function ends(expire, now) {
  if (!expire) return t("never");
  return expire > now ? t("expiresIn", { span: span(expire - now) }) : t("expiredAgo", { span: span(now - expire) });
}

/** The inbounds of an account where the panel keeps them by number; one in brackets is not let in by the core. */
function inbounds(account) {
  return (account.inbounds ?? []).map((number) => (account.let_in_by.includes(number) ? `#${number}` : `(#${number})`)).join(" ");
}

function traffic(account) {
  const spent = account.used_traffic ?? 0;
  const limit = account.data_limit;
  if (!limit) return h("small", { class: "traffic" }, t("unlimited", { used: bytes(spent) }));
  const share = Math.min(1, spent / limit);
  return h("span", { class: "traffic" },
    h("span", { class: share > 0.9 ? "bar full" : "bar" }, h("i", { style: { width: `${share * 100}%` } })),
    h("small", {}, t("of", { used: bytes(spent), limit: bytes(limit) })));
}

/**
 * Draw every panel into `place`; they look again when the panel says so, and now and then for
 * what time alone changes. A look that failed is made good by the next.
 */
export function showPanels(place, panels) {
  const cards = panels.map((each) => new PanelCard(each));
  place.append(...cards.map((card) => card.node));
  const look = (name) => { for (const card of cards) if (!name || card.panel.name === name) card.look().catch(() => undefined); };
  on("panel", look);
  on("clock", () => look(null));
  setInterval(() => { if (!document.hidden) look(null); }, LOOK_EVERY_MS);
}
