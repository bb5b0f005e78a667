// Puts the page together.

import { config, listen, panel, telegram, yookassa } from "./api.js";
import { showCalls } from "./calls.js";
import { showChat } from "./chat.js";
import { showClock } from "./clock.js";
import { showCustomers } from "./customers.js";
import { h, icon, iconButton } from "./dom.js";
import { showFaults } from "./faults.js";
import { switchLanguage, t } from "./i18n.js";
import { showPanels } from "./panels.js";
import { expectPayPages } from "./pay.js";
import { showPayments } from "./payments.js";
import { toast } from "./toast.js";
import { showTour } from "./tour.js";
import { hear, lookAgain, on } from "./world.js";

const root = document.documentElement;

function switchTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = localStorage.theme = dark ? "light" : "dark";
}

function topBar(places) {
  const out = (sign, label, url) => url
    && h("a", { class: "pill", href: url, target: "_blank", rel: "noreferrer" }, icon(sign), h("span", {}, label));
  const panels = places.panels.map(({ name, url }) => out("server", places.panels.length > 1 ? name : t("panelPage"), url));
  const live = h("span", { class: "live" }, h("i"), h("span", {}, t("live")));
  const setLive = (on) => { live.classList.toggle("off", !on); live.lastChild.textContent = t(on ? "live" : "offline"); };
  document.getElementById("top").append(
    h("img", { src: "/static/icon.svg", alt: "", width: 30, height: 30 }),
    h("span", { class: "brand" }, h("b", {}, t("title")), h("small", {}, t("tagline"))), live,
    h("nav", { "aria-label": t("title") }, out("people", t("admin"), places.admin), panels,
      out("globe", t("shop"), places.web), out("file", t("docs"), places.docs)),
    h("button", { type: "button", class: "text-button", onclick: switchLanguage }, t("otherLanguage")),
    iconButton("sun", t("theme"), switchTheme));
  return setLive;
}

function section(sign, title, open) {
  return h("details", { class: "card", open }, h("summary", {}, icon(sign), h("h2", {}, title)));
}

function worldColumn(places) {
  const targets = [{ label: "Telegram", kind: "telegram", door: telegram }, { label: "YooKassa", kind: "yookassa", door: yookassa },
    ...places.panels.map(({ name, kind }) => ({ label: name, kind, door: panel(name) }))];
  const tour = h("section", { class: "tour card" });
  const panels = section("server", t("panels"), true);
  const payments = section("card", "YooKassa", true);
  const trouble = section("warn", t("trouble"), false);
  const time = section("clock", t("time"), false);
  const calls = section("calls", t("calls"), false);
  document.getElementById("world").append(tour, panels, payments, trouble, time, calls);
  on("trouble", (present) => trouble.classList.toggle("present", present));
  showTour(tour);
  showPanels(panels, places.panels);
  showPayments(payments);
  showFaults(trouble, targets);
  showClock(time, targets.map(({ door }) => door));
  showCalls(calls, targets);
}

function tabBar() {
  const show = (name) => { document.body.dataset.tab = name; };
  document.getElementById("tabs").append(...[["people", "customers"], ["chat", "chat"], ["globe", "world"]].map(([sign, name]) =>
    h("button", { type: "button", dataset: { tab: name }, onclick: () => show(name) }, icon(sign), t(name))));
}

async function main() {
  if (localStorage.theme) root.dataset.theme = localStorage.theme;
  document.title = t("title");
  const places = await config();
  const setLive = topBar(places);
  expectPayPages(places.pay_page);
  tabBar();
  showCustomers(document.getElementById("customers"));
  showChat(document.getElementById("phones"));
  worldColumn(places);
  listen(hear, (live) => {
    setLive(live);
    if (live) lookAgain().catch((error) => toast(error.message));
  });
}

main();
