// The virtual phone: lock screen with what arrived, the borrower's app on top of the real API, and the phone's own apps.

import { ask, Session } from "./api.js";
import { Apps } from "./apps.js";
import { h, show } from "./dom.js";
import { say, sayCount, sayDay, sayMoney, sayTime } from "./words.js";

export const ICON = new URL("icon.svg", import.meta.url).href;
const NOTICED = new Set(["push", "sms", "wechat", "email"]);

export class Phone {
  constructor(place, person, { onTrouble }) {
    this.place = place;
    this.person = person;
    this.session = new Session(person);
    this.language = this.session.language;
    this.onTrouble = onTrouble;
    this.notices = [];
    this.apps = new Apps(this);
    this.view = "lock";
    this.tab = "due";
    this.now = null;
    this.due = null;
    this.inbox = null;
    this.counts = null;
    this.busy = null;
    this.isGone = false;
  }

  /** The page tells what time it is on the book's clock and what has arrived since the last look. */
  async update(now, items, { isMoving, deliveries }) {
    this.now = this.session.now = now;
    this.apps.take(items, deliveries);
    for (const item of items) this.note(item);
    this.draw();
    if (this.session.isSignedIn && !isMoving && (items.length > 0 || this.view === "app" || this.due === null)) {
      await this.load();
      this.draw();
    }
  }

  /** What arrives is on the lock screen until it is opened, or withdrawn: a silent push takes away the one it names. */
  note(item) {
    if (item.channel === "push" && item.purpose === "withdraw") {
      this.notices = this.notices.filter((notice) => notice.message_id !== item.withdraws);
    } else if (NOTICED.has(item.channel) && (item.purpose ?? "notify") === "notify") {
      this.notices = [item, ...this.notices].slice(0, 30);
    }
  }

  async load() {
    try {
      const wanted = ["/v1/me/due", "/v1/me/inbox?limit=30", "/v1/me/inbox/counts"];
      [this.due, this.inbox, this.counts] = await Promise.all(wanted.map((path) => this.session.call("GET", path)));
    } catch (problem) {
      if (problem.status !== 401) this.onTrouble(problem);
    }
  }

  leave() {
    this.isGone = true;
  }

  draw() {
    if (this.isGone || this.now === null) return;
    if (this.apps.calls.rings()) this.apps.calls.draw();
    else if (this.view === "lock") this.drawLock();
    else if (this.apps.views.has(this.view)) this.apps.draw(this.view);
    else if (this.session.isSignedIn) this.drawApp();
    else this.drawSignIn();
  }

  say(key, values) {
    return say(this.language, key, values);
  }

  time(at, options = { hour: "2-digit", minute: "2-digit" }) {
    return sayTime(this.language, at, this.person.zone, options);
  }

  status() {
    return h("div.status", { "aria-hidden": "true" }, h("span", null, this.time(this.now)), h("span", null, "▮▮▮"));
  }

  // Lock screen

  drawLock() {
    const hour = Number(sayTime("en", this.now, this.person.zone, { hour: "2-digit" }));
    const sky = hour < 6 || hour >= 21 ? "night" : hour < 9 ? "dawn" : hour < 18 ? "day" : "dusk";
    show(
      this.place,
      h(
        `div.lock.${sky}`,
        null,
        this.status(),
        h("div.big", null, this.time(this.now)),
        h("div.date", null, this.time(this.now, { weekday: "long", day: "numeric", month: "long" })),
        h("div.notices.scrolls", null, ...this.notices.map((notice) => this.notice(notice))),
        h("button.unlock", { type: "button", "data-act": "open" }, this.say("open_app")),
        this.apps.dock(),
      ),
    );
  }

  notice(item) {
    const app = this.apps.of(item.channel);
    return h(
      "button.notice",
      { type: "button", "data-act": app ? app.view : "inbox", "data-channel": item.channel },
      app ? h(`span.bubble.${app.view}`, { "aria-hidden": "true" }, app.sign) : h("img", { src: ICON, alt: "" }),
      h("header", null, h("span", null, app ? this.say(app.view) : item.title), h("small", null, this.ago(item.at))),
      h("p", null, item.channel === "sms" ? item.body : app ? item.title : item.body),
    );
  }

  ago(at) {
    const when = new Date(at);
    const day = (instant) => this.time(instant, { year: "numeric", month: "2-digit", day: "2-digit" });
    if (day(when) === day(this.now)) return this.time(when);
    return this.time(when, { day: "numeric", month: "short" });
  }

  // Signing in

  code() {
    const text = this.notices.find((item) => item.channel === "sms" && item.at >= (this.askedAt ?? ""));
    return text?.body.match(/\b\d{6}\b/)?.[0] ?? text?.body.match(/\d{6}/)?.[0];
  }

  drawSignIn() {
    const asked = Boolean(this.session.challenge);
    const code = asked ? this.code() : null;
    if (this.place.querySelector(`.sign-in[data-asked="${asked}"][data-code="${code ?? ""}"]`) && !this.busy) return;
    const first = [
      h("label", null, this.say("phone_number"), h("input", { value: this.person.phone, readonly: true, inputmode: "tel" })),
      h("button.pay", { type: "button", "data-act": "ask", disabled: this.busy === "ask" }, this.say("send_code")),
    ];
    const second = [
      h(
        "label",
        null,
        this.say("code"),
        h("input.code", { id: "code", inputmode: "numeric", maxlength: "6", autocomplete: "one-time-code" }),
      ),
      code ? h("button.suggest", { type: "button", "data-act": "fill" }, this.say("from_messages", { code })) : null,
      h("button.pay", { type: "button", "data-act": "sign-in", disabled: this.busy === "sign-in" }, this.say("sign_in")),
    ];
    const form = h(
      "div.sign-in",
      { "data-asked": String(asked), "data-code": code ?? "" },
      h("img", { src: ICON, alt: "" }),
      h("h2", null, this.say("welcome")),
      h("p", null, this.say("sign_in_text")),
      ...(asked ? second : first),
    );
    this.place.replaceChildren(h("div.app", null, this.status(), form));
  }

  // The app

  drawApp() {
    const unread = this.counts?.unread ?? 0;
    const tab = (name, ...content) =>
      h("button", { type: "button", role: "tab", "data-act": name, "aria-selected": String(this.tab === name) }, ...content);
    show(
      this.place,
      h(
        "div.app",
        null,
        this.status(),
        h(
          "header",
          null,
          h("h2", null, this.say(this.tab === "due" ? "my_loans" : "inbox")),
          h("button", { type: "button", "data-act": "lock" }, this.say("lock")),
        ),
        h("div.body.scrolls", null, ...(this.tab === "due" ? this.dueBody() : this.inboxBody())),
        h(
          "nav.tabs",
          { role: "tablist" },
          tab("due", this.say("due")),
          tab("inbox", `${this.say("inbox")} `, unread ? h("span.count", null, String(unread)) : null),
        ),
      ),
    );
  }

  dueBody() {
    if (this.due === null) return [];
    if (this.due.items.length === 0) {
      return [h("div.total.calm", null, h("strong", null, this.say("all_paid")), h("small", null, this.say("nothing_due")))];
    }
    const totals = this.due.totals.map((total) => {
      const isLate = total.overdue.amount_minor > 0;
      return h(
        "div.total",
        null,
        h("small", null, this.say(isLate ? "overdue_total" : "upcoming_total")),
        h("strong", null, sayMoney(this.language, isLate ? total.overdue : total.upcoming)),
      );
    });
    return [...totals, ...this.due.items.map((item) => this.dueItem(item))];
  }

  dueItem(item) {
    const state =
      item.state === "overdue"
        ? sayCount(this.language, "state_overdue", item.days_past_due)
        : this.say(`state_${item.state}`, { on: sayDay(this.language, item.due_on) });
    const money = (amount) => sayMoney(this.language, amount);
    const key = `${item.loan_no}/${item.row_no}`;
    const isBusy = this.busy === key;
    return h(
      `article.due.${item.state}`,
      { "data-loan": item.loan_no, "data-row": item.row_no },
      h("div.line", null, h("span.amount", null, money(item.open.total)), h("span.state", null, state)),
      h(
        "div.parts",
        null,
        `${item.loan_no} · ${this.say("parts", { principal: money(item.open.principal), interest: money(item.open.interest) })}`,
      ),
      h(
        "button.pay",
        { type: "button", "data-act": "pay", "data-key": key, disabled: isBusy },
        this.say(isBusy ? "paying" : "pay", { amount: money(item.open.total) }),
      ),
      h("button.online", { type: "button", "data-act": "pay-online", "data-key": key }, this.say("pay_online")),
    );
  }

  inboxBody() {
    const items = this.inbox?.items ?? [];
    if (items.length === 0) return [h("p.more", null, this.say("no_messages"))];
    return items.map((item) =>
      h(
        `button.letter${item.read_at ? "" : ".unread"}${item.settled ? ".settled" : ""}`,
        { type: "button", "data-act": "read", "data-id": item.id },
        h("header", null, h("h3", null, item.title), h("time", { datetime: item.created_at }, this.ago(item.created_at))),
        h("p", null, item.body),
        item.settled ? h("div.settled-mark", null, `✓ ${this.say("settled")}`) : null,
      ),
    );
  }

  // What is tapped

  async tap(button) {
    const act = button.dataset.act;
    if (act === "lock" || act === "open") this.view = act === "lock" ? "lock" : "app";
    else if (act === "inbox" || act === "due") [this.view, this.tab] = ["app", act];
    else if (this.apps.views.has(act)) this.apps.open(act);
    else if (act === "fill") this.place.querySelector("#code").value = this.code();
    else await this.work(act, button);
    if (this.view === "app" && this.session.isSignedIn && act !== "fill") await this.load();
    this.draw();
  }

  async work(act, button) {
    this.busy = act === "pay" ? button.dataset.key : act;
    button.disabled = true;
    try {
      if (act === "ask") {
        this.askedAt = this.now.toISOString();
        await this.session.requestCode();
      } else if (act === "sign-in") await this.session.signIn(this.place.querySelector("#code").value);
      else if (act === "read") await this.read(button.dataset.id);
      else if (act === "pay") await this.pay(button.dataset.key);
      else if (act === "pay-online") await this.payOnline(button.dataset.key);
      else await this.apps.work(act, button);
    } catch (problem) {
      this.onTrouble(problem);
      button.disabled = false;
    }
    this.busy = null;
  }

  read(id) {
    const item = this.inbox.items.find((each) => each.id === id);
    return item.read_at ? null : this.session.call("POST", `/v1/me/inbox/${id}/read`);
  }

  item(key) {
    return this.due.items.find((each) => `${each.loan_no}/${each.row_no}` === key);
  }

  /** At the payment provider's page. It is opened before it is known: a browser blocks what opens later by itself. */
  async payOnline(key) {
    const item = this.item(key);
    const page = window.open("", "_blank");
    try {
      const body = { amount: item.open.total };
      const headers = { "Idempotency-Key": crypto.randomUUID() };
      const intent = await this.session.call("POST", `/v1/me/loans/${item.loan_id}/payment-intents`, body, headers);
      page.location = intent.pay_url;
    } catch (problem) {
      page?.close();
      throw problem;
    }
  }

  pay(key) {
    const item = this.item(key);
    const body = {
      borrower_no: this.person.borrower_no,
      loan_no: item.loan_no,
      amount_minor: item.open.total.amount_minor,
    };
    return ask("POST", "/sandbox/payments", { body });
  }
}
