// The phone's other apps: messages, calls, WeChat, mail and the letterbox. What is done in them goes back by the provider.

import { ask } from "./api.js";
import { Calls } from "./calls.js";
import { h, show } from "./dom.js";
import { sayCount } from "./words.js";

const APPS = [
  { view: "messages", channel: "sms", sign: "✉" },
  { view: "calls", channel: "voice", sign: "✆" },
  { view: "wechat", channel: "wechat", sign: "❝" },
  { view: "mail", channel: "email", sign: "@" },
  { view: "letters", channel: "letter", sign: "▤" },
];

export class Apps {
  constructor(phone) {
    this.phone = phone;
    this.views = new Set(APPS.map((app) => app.view));
    this.items = { sms: [], voice: [], wechat: [], email: [], letter: [] };
    this.seen = JSON.parse(sessionStorage.getItem(this.key) ?? "{}");
    this.written = []; // what the borrower answered: {channel, n, text, at}
    this.calls = new Calls(this);
    this.done = new Set(); // e-mails that were ended or marked
    this.deliveries = [];
  }

  get key() {
    return `duecourse.seen.${this.phone.person.borrower_no}`;
  }

  say(key, values) {
    return this.phone.say(key, values);
  }

  take(items, deliveries) {
    for (const item of items) this.items[item.channel]?.push(item);
    this.deliveries = deliveries;
  }

  of(channel) {
    return APPS.find((app) => app.channel === channel);
  }

  unread(app) {
    return this.items[app.channel].filter((item) => item.n > (this.seen[app.channel] ?? 0)).length;
  }

  open(view) {
    const { channel } = APPS.find((app) => app.view === view);
    this.phone.view = view;
    this.phone.notices = this.phone.notices.filter((notice) => notice.channel !== channel);
    this.look(channel);
  }

  look(channel) {
    this.seen[channel] = Math.max(0, ...this.items[channel].map((item) => item.n));
    sessionStorage.setItem(this.key, JSON.stringify(this.seen));
  }

  dock() {
    return h(
      "nav.dock",
      null,
      ...APPS.map((app) => {
        const unread = this.unread(app);
        const name = this.say(app.view);
        const label = unread ? `${name}, ${this.say("unread", { n: unread })}` : name;
        return h(
          "button",
          { type: "button", "data-act": app.view, "aria-label": label },
          h(`span.bubble.${app.view}`, { "aria-hidden": "true" }, app.sign),
          unread ? h("span.dot", { "aria-hidden": "true" }, String(unread)) : null,
          h("small", { "aria-hidden": "true" }, name),
        );
      }),
    );
  }

  draw(view) {
    const { channel } = APPS.find((app) => app.view === view);
    this.look(channel);
    const items = this.items[channel];
    const body = {
      messages: () => this.thread(items),
      calls: () => [...items].reverse().map((item) => this.calls.line(item)),
      wechat: () => this.cards(items),
      mail: () => [...items].reverse().map((item) => this.mail(item)),
      letters: () => [...items].reverse().map((item) => this.letter(item)),
    }[view]();
    const answers = items.length && (view === "messages" || view === "wechat");
    show(
      this.phone.place,
      h(
        `div.app.phone-app.${view}`,
        null,
        this.phone.status(),
        h(
          "header",
          null,
          h("h2", null, this.say(view)),
          h("button", { type: "button", "data-act": "lock" }, this.say("home")),
        ),
        h("div.body.scrolls", { "data-end": answers ? "1" : null }, ...(items.length ? body : [h("p.more", null, this.say("nothing_here"))])),
        answers ? this.writing(channel, items.at(-1).n) : null,
      ),
    );
  }

  // Messages and WeChat

  thread(items) {
    const all = [...items.map((item) => ({ ...item, by: "them" })), ...this.written.filter((each) => each.channel === "sms")];
    all.sort((one, other) => new Date(one.at) - new Date(other.at));
    return all.map((each) =>
      h(`div.bubble-line.${each.by}`, null, h("p", null, each.body), h("time", { datetime: each.at }, this.phone.ago(each.at))),
    );
  }

  cards(items) {
    const said = items.filter((item) => !item.fields.length && item.body); // an answer is no card: it is shown as it was written
    const answers = said.map((item) => ({ at: item.at, element: h("div.bubble-line.them", null, h("p", null, item.body)) }));
    const cards = items.filter((item) => !said.includes(item)).map((item) => ({
      at: item.at,
      element: h(
        "article.wechat-card",
        null,
        h("time", { datetime: item.at }, this.phone.ago(item.at)),
        h("h3", null, this.say("service_notice")),
        h("dl", null, ...item.fields.flatMap((each) => [h("dt", null, this.say(each.name)), h("dd", null, each.value)])),
        h("button.link", { type: "button", "data-act": "inbox" }, `${this.say("details")} ›`),
      ),
    }));
    const words = this.written
      .filter((each) => each.channel === "wechat")
      .map((each) => ({ at: each.at, element: h("div.bubble-line.us", null, h("p", null, each.body)) }));
    const all = [...cards, ...answers, ...words].sort((one, other) => new Date(one.at) - new Date(other.at));
    return all.map((each) => each.element);
  }

  writing(channel, n) {
    const isWechat = channel === "wechat";
    return h(
      "div.writing",
      null,
      h("input", {
        id: `words-${channel}`,
        "aria-label": this.say("reply"),
        placeholder: this.say("reply"),
        maxlength: "300",
        autocomplete: "off",
      }),
      h("button.send", { type: "button", "data-act": "write", "data-n": n, "data-channel": channel }, this.say("send")),
      h(
        "button",
        { type: "button", "data-act": "write", "data-n": n, "data-channel": channel, "data-text": this.say("stop_word") },
        this.say("reply_stop"),
      ),
      isWechat ? h("button", { type: "button", "data-act": "block", "data-n": n }, this.say("leave_account")) : null,
      isWechat ? h("button", { type: "button", "data-act": "unblock", "data-n": n }, this.say("follow_account")) : null,
    );
  }

  // Mail and letters

  mail(item) {
    const button = (act, word) =>
      h("button", { type: "button", "data-act": act, "data-n": item.n, disabled: this.done.has(`${act} ${item.n}`) }, this.say(word));
    return h(
      "article.letter.mail-item",
      null,
      h("header", null, h("h3", null, item.title), h("time", { datetime: item.at }, this.phone.ago(item.at))),
      h("small", null, item.from),
      ...item.body.split("\n\n").map((part) => h("p", null, part)),
      h(
        "div.row",
        null,
        item.unsubscribe ? button("unsubscribe", this.done.has(`unsubscribe ${item.n}`) ? "unsubscribed" : "unsubscribe") : null,
        button("spam", this.done.has(`spam ${item.n}`) ? "told_spam" : "spam"),
      ),
    );
  }

  letter(item) {
    return h(
      "article.letter.paper",
      null,
      h("header", null, h("h3", null, item.title), h("time", { datetime: item.at }, this.phone.ago(item.at))),
      h("p", null, sayCount(this.phone.language, "pages", item.pages)),
      item.pdf ? h("a.open", { href: item.pdf, target: "_blank", rel: "noopener" }, this.say("open_pdf")) : null,
      h("small", null, this.say("document_hash"), h("code", null, item.body)),
    );
  }

  // What is done

  async work(act, button) {
    const n = Number(button.dataset.n);
    if (act === "write") return this.write(n, button.dataset.channel, button.dataset.text);
    if (act === "unsubscribe") {
      await this.endMails(n);
    } else {
      await this.touch(n, act, button.dataset.text ?? "");
      this.calls.note(act, n, button.dataset.text);
    }
    this.done.add(`${act} ${n}`);
  }

  async write(n, channel, given) {
    const field = this.phone.place.querySelector(`#words-${channel}`);
    const text = given ?? field.value.trim();
    if (!text) return;
    await this.touch(n, "text", text);
    if (!given) field.value = "";
    this.written.push({ channel, body: text, at: this.phone.now.toISOString(), by: "us" });
  }

  /** As a mail program does it: one POST to the link of the header, without a cookie or a question. */
  async endMails(n) {
    const { unsubscribe } = this.items.email.find((item) => item.n === n);
    const body = new URLSearchParams({ "List-Unsubscribe": "One-Click" });
    const answer = await fetch(new URL(unsubscribe).pathname, { method: "POST", body, credentials: "omit" });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  }

  touch(n, act, text) {
    return ask("POST", "/sandbox/gestures", { body: { borrower_no: this.phone.person.borrower_no, n, act, text } });
  }
}
