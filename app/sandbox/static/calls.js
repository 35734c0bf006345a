// Calls on the phone: one that rings, what it says, the keys, and how earlier ones went.

import { h, show } from "./dom.js";

const RINGS_SECONDS = 29;
const MISSED = new Set(["no_answer", "busy"]);

export class Calls {
  constructor(apps) {
    this.apps = apps;
    this.own = {}; // n -> {state, keys}: what was done with calls on this phone
  }

  note(act, n, key) {
    if (act === "answer") this.own[n] = { state: "answered", keys: [] };
    else if (act === "key") this.own[n].keys.push(key);
    else if (act === "decline") this.own[n] = { state: "declined", keys: [] };
    else if (act === "hang_up") this.own[n].state = "hung_up";
  }

  /** The call that rings or is being talked on, or undefined. It stops ringing by itself. */
  rings() {
    return this.apps.items.voice.find((item) => {
      const state = this.own[item.n]?.state;
      if (state) return state === "answered";
      return item.outcome === "delivered" && this.delivery(item)?.state === "sent" && this.isFresh(item);
    });
  }

  isFresh(item) {
    return Math.abs(this.apps.phone.now - new Date(item.at)) < RINGS_SECONDS * 1000;
  }

  delivery(item) {
    return this.apps.deliveries.find((each) => each.message_id === item.message_id);
  }

  draw() {
    const item = this.rings();
    const call = this.own[item.n];
    const key = (number, word) =>
      h(
        "button.key",
        { type: "button", "data-act": "key", "data-n": item.n, "data-text": number },
        h("b", null, number),
        h("small", null, this.apps.say(word)),
      );
    const said = call
      ? h(
          "div.transcript.scrolls",
          { "aria-live": "polite", "data-end": "1" },
          ...item.lines.map((line) => h("p", null, line)),
          ...call.keys.map((number) => h("p.own", null, this.apps.say("pressed", { key: number }))),
        )
      : h("div.ringing", { "aria-hidden": "true" }, "✆");
    const keys = () =>
      item.has_keys ? h("div.keys", null, key("1", "key_1"), key("9", "key_9")) : h("p", null, this.apps.say("no_keys"));
    const buttons = call
      ? [keys(), this.button("hang_up", item, "red")]
      : [h("div.take", null, this.button("decline", item, "red"), this.button("answer", item, "green"))];
    show(
      this.apps.phone.place,
      h(
        "div.call",
        { role: "group", "aria-label": this.apps.say("incoming") },
        this.apps.phone.status(),
        h("h2", null, this.apps.say(call ? "on_call" : "incoming")),
        h("p", null, "+1 500 555 0006"),
        said,
        ...buttons,
      ),
    );
  }

  button(act, item, colour) {
    return h(`button.${colour}`, { type: "button", "data-act": act, "data-n": item.n }, this.apps.say(act));
  }

  word(item) {
    const own = { hung_up: "call_answered", declined: "call_declined" }[this.own[item.n]?.state];
    if (own) return own;
    const told = this.delivery(item)?.state;
    if (MISSED.has(item.outcome) || told === "failed") return "call_missed";
    if (item.outcome === "voicemail") return "call_voicemail";
    return told === "delivered" ? "call_answered" : "call_ended";
  }

  line(item) {
    const word = this.word(item);
    return h(
      `article.letter.call-line${word === "call_missed" ? ".missed" : ""}`,
      null,
      h("header", null, h("h3", null, this.apps.say(word)), h("time", { datetime: item.at }, this.apps.phone.ago(item.at))),
      h("details", null, h("summary", null, "+1 500 555 0006"), ...item.lines.map((line) => h("p", null, line))),
    );
  }
}
