// Everything the page and the phone say, in English and Chinese.

import * as channelWords from "./channel_words.js";

const en = {
  sandbox: "sandbox",
  headline: "Watch a loan come due, pass, and be paid",
  lead: "The phone on this page is a real client of the API: it signs in, registers for push and reads its inbox. Move the clock and see what the engine sends, and what it decides not to.",
  whose: "Whose phone",
  clock: "The book's clock",
  next_due: "Next due date",
  hour: "+1 hour",
  day: "+1 day",
  week: "+1 week",
  running: "The clock runs on at the usual pace.",
  moving: "On its way to {to} ...",
  next_due_is: "Next due date: {on}.",
  why: "What the engine decided, and why",
  why_note: "Every reminder that could have been sent has a line here, sent or not.",
  no_decisions: "Nothing to decide yet. Move the clock to the next due date.",
  no_provider: "No provider stand-in is running; start everything with make run.",
  no_answer: "The server does not answer. Is make run still running?",
  instalment: "Loan {loan}, instalment {row}",
  day_before: "{n} days before",
  day_before_1: "1 day before",
  day_of: "on the due date",
  day_after: "{n} days after",
  day_after_1: "1 day after",
  open_app: "Open the app",
  messages: "Messages",
  my_loans: "My loans",
  due: "Due",
  inbox: "Inbox",
  lock: "Lock",
  welcome: "Welcome",
  sign_in_text: "We send a code to your phone.",
  phone_number: "Phone number",
  send_code: "Send code",
  code: "Code from the message",
  sign_in: "Sign in",
  from_messages: "From Messages: {code}",
  overdue_total: "Overdue",
  upcoming_total: "Due within 30 days",
  nothing_due: "Nothing is due in the next 30 days.",
  all_paid: "All paid up",
  pay: "Pay {amount}",
  paying: "Paying ...",
  pay_online: "Pay at the provider's page",
  state_overdue: "{n} days late",
  state_overdue_1: "1 day late",
  state_due_today: "Due today",
  state_upcoming: "Due on {on}",
  parts: "Principal {principal} · interest {interest}",
  no_messages: "No messages yet.",
  settled: "Paid. Nothing more to do.",
  SENT: "Sent", DEFERRED: "Later", CONSOLIDATED: "Joined", SUPPRESSED: "Not sent", UNREACHABLE: "In the app only", EXPIRED: "Too late",
  ON_SCHEDULE: "as planned",
  CONSOLIDATED_INTO: "said in one message with another instalment",
  PAID: "it was paid",
  LOAN_CLOSED: "the loan is closed",
  REANCHORED: "the plan was changed",
  STEP_SUPERSEDED: "a later step takes its place",
  CAP_PERSON: "one contact a day is the most",
  QUIET_HOURS: "it is night for the borrower",
  EXPIRED_WINDOW: "its time had passed",
  NO_ENDPOINT: "no device is registered for push",
  ENDPOINT_INVALID: "the device is gone",
  PUSH_PERMISSION_OFF: "push is switched off on the device",
  CONSENT_WITHDRAWN: "the borrower does not want it",
};

const zh = {
  sandbox: "沙盒",
  headline: "看一笔贷款到期、逾期、还清",
  lead: "页面上的手机是接口的真实客户端：登录、注册推送、读取收件箱。拨动时钟，看引擎发送了什么，又决定不发送什么。",
  whose: "谁的手机",
  clock: "账本时钟",
  next_due: "下一个还款日",
  hour: "+1 小时",
  day: "+1 天",
  week: "+1 周",
  running: "时钟按正常速度走动。",
  moving: "正在前往 {to} …",
  next_due_is: "下一个还款日：{on}。",
  why: "引擎的决定与原因",
  why_note: "每一条可能发送的提醒都有一行记录，无论是否发送。",
  no_decisions: "暂无决定。请把时钟拨到下一个还款日。",
  no_provider: "推送替身没有运行，请用 make run 启动全部服务。",
  no_answer: "服务器没有响应。make run 还在运行吗？",
  instalment: "贷款 {loan} 第 {row} 期",
  day_before: "还款日前 {n} 天",
  day_before_1: "还款日前 1 天",
  day_of: "还款日当天",
  day_after: "还款日后 {n} 天",
  day_after_1: "还款日后 1 天",
  open_app: "打开应用",
  messages: "短信",
  my_loans: "我的贷款",
  due: "还款",
  inbox: "消息",
  lock: "锁屏",
  welcome: "欢迎",
  sign_in_text: "我们会向您的手机发送验证码。",
  phone_number: "手机号",
  send_code: "获取验证码",
  code: "短信验证码",
  sign_in: "登录",
  from_messages: "来自短信：{code}",
  overdue_total: "已逾期",
  upcoming_total: "30 天内应还",
  nothing_due: "未来 30 天没有应还款项。",
  all_paid: "已全部还清",
  pay: "还款 {amount}",
  paying: "正在还款 …",
  pay_online: "前往支付页面",
  state_overdue: "已逾期 {n} 天",
  state_overdue_1: "已逾期 1 天",
  state_due_today: "今天到期",
  state_upcoming: "{on} 到期",
  parts: "本金 {principal} · 利息 {interest}",
  no_messages: "还没有消息。",
  settled: "已还清，无需再操作。",
  SENT: "已发送", DEFERRED: "稍后", CONSOLIDATED: "已合并", SUPPRESSED: "未发送", UNREACHABLE: "仅应用内", EXPIRED: "已过时",
  ON_SCHEDULE: "按计划",
  CONSOLIDATED_INTO: "与另一期合并为一条消息",
  PAID: "已经还款",
  LOAN_CLOSED: "贷款已结清",
  REANCHORED: "还款计划已变更",
  STEP_SUPERSEDED: "由更晚的步骤代替",
  CAP_PERSON: "每天最多联系一次",
  QUIET_HOURS: "借款人所在地正是夜间",
  EXPIRED_WINDOW: "已过有效时间",
  NO_ENDPOINT: "没有登记推送的设备",
  ENDPOINT_INVALID: "设备已失效",
  PUSH_PERMISSION_OFF: "设备关闭了推送",
  CONSENT_WITHDRAWN: "借款人不愿接收",
};

const languages = { en: { ...channelWords.en, ...en }, zh: { ...channelWords.zh, ...zh } };

/** Say `key` in a language, with {places} filled in. A key without words is said as it is. */
export function say(language, key, values = {}) {
  const text = languages[language][key] ?? languages.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** As `say`, with a form of its own for one. */
export function sayCount(language, key, n, values = {}) {
  return say(language, n === 1 && `${key}_1` in languages[language] ? `${key}_1` : key, { n, ...values });
}

/** "d-3" -> "3 days before". */
export function sayStep(language, step) {
  const sample = /^sample-(\w+)-/.exec(step);
  if (sample) return `${say(language, "sample_step")} (${say(language, sample[1])})`;
  const match = /^d([+-])(\d+)$/.exec(step);
  if (!match) return step;
  const n = Number(match[2]);
  if (n === 0) return say(language, "day_of");
  return sayCount(language, match[1] === "-" ? "day_before" : "day_after", n);
}

export function localeOf(language) {
  return language === "zh" ? "zh-CN" : "en-GB";
}

/** Minor units as money: the currency says how many decimals it has. */
export function sayMoney(language, money) {
  const format = new Intl.NumberFormat(localeOf(language), { style: "currency", currency: money.currency });
  const digits = format.resolvedOptions().maximumFractionDigits;
  return format.format(money.amount_minor / 10 ** digits);
}

/** "2026-03-05" as a short date, without a zone: it is a date, not an instant. */
export function sayDay(language, day) {
  const options = { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" };
  return new Intl.DateTimeFormat(localeOf(language), options).format(new Date(`${day}T00:00:00Z`));
}

/** An instant on the wall of a zone. */
export function sayTime(language, at, zone, options) {
  return new Intl.DateTimeFormat(localeOf(language), { timeZone: zone, hourCycle: "h23", ...options }).format(at);
}
