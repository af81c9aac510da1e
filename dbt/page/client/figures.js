"use strict";
// What the figures of `data` mean (data.py describes it), and how numbers, days and names are written.

const dark = matchMedia("(prefers-color-scheme: dark)"),
  paper = matchMedia("print"),
  narrow = matchMedia("(max-width: 700px)");
const whole = new Intl.NumberFormat("en"),
  number = (value) => whole.format(Math.round(value));
// With a space that does not break.
const percent = (value) =>
  value === null ? "–" : `${(100 * value).toFixed(value && Math.abs(value) < 0.01 ? 2 : 1)}\u00a0%`;
const DAY = 86400000;
const time = (day) => Date.parse(`${day}T00:00:00Z`);
const iso = (stamp) => new Date(stamp).toISOString().slice(0, 10);
const dated = (options) => (day) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options }).format(time(day));
const long = dated({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
const short = dated({ day: "numeric", month: "short", year: "numeric" });
const moment = (text) => `${short(text.slice(0, 10))}, ${text.slice(11)} UTC`;
const several = data.projects.length > 1;
// As a project without a name is shown and chosen.
const named = (project) => project || "without a project";

const METRICS = [
  { key: "sent", name: "Sent", part: "sent", good: 0 },
  {
    key: "delivery",
    name: "Delivery rate",
    part: "delivered",
    of: "sent",
    needs: ["delivered"],
    noun: "delivered",
    good: 1,
  },
  {
    key: "open",
    name: "Open rate",
    part: "opens",
    of: "delivered",
    needs: ["opens"],
    noun: "opens",
    good: 1,
    messages: "messages_opened",
  },
  {
    key: "click",
    name: "Click rate",
    part: "clicks",
    of: "delivered",
    needs: ["clicks"],
    noun: "clicks",
    good: 1,
    messages: "messages_clicked",
  },
  {
    key: "click_to_open",
    name: "Click-to-open rate",
    part: "clicks",
    of: "opens_or_clicks",
    needs: ["opens", "clicks"],
    noun: "clicks",
    good: 1,
  },
  {
    key: "unsubscribe",
    name: "Unsubscribe rate",
    part: "unsubscribed",
    of: "delivered",
    needs: ["unsubscribed"],
    noun: "unsubscribes",
    good: -1,
  },
  {
    key: "complaint",
    name: "Complaint rate",
    part: "complained",
    of: "delivered",
    needs: ["complained"],
    noun: "complaints",
    good: -1,
  },
  { key: "bounce", name: "Bounce rate", part: "bounced", of: "sent", needs: ["bounced"], noun: "bounces", good: -1 },
  { key: "revenue", name: "Revenue", part: "revenue", good: 1 },
  { key: "purchases", name: "Purchases", part: "purchases", good: 1 },
];
const TREND = Object.fromEntries(METRICS.map((metric) => [metric.key, metric]));
const choice = {
  period: null,
  channel: "",
  project: "",
  metric: "sent",
  ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))),
};
const called = (thing, noun) =>
  `${several && !choice.project ? `${named(thing.project)}: ` : ""}${thing.name || `${noun} ${thing.id}`}`;
const shownAs = (metric) => (metric.of ? percent : number);

/** Whether a channel can have the metric: an SMS has no opens. */
const has = (metric, channel) => (metric.needs || []).every((name) => data.can[name]?.includes(channel));
const isOfProject = (project) => !choice.project || named(project) === choice.project;
/** Whether a row that has a project and a channel is of those chosen. */
const isChosen = ({ project, channel }) => isOfProject(project) && (!choice.channel || channel === choice.channel);

/** A sum of one figure over channels of the chosen projects of `totals`: {project: {channel: figures}}. */
function sum(totals, names, figure) {
  const at = data.figures.indexOf(figure);
  let all = 0;
  for (const [project, figures] of Object.entries(totals))
    if (isOfProject(project)) for (const name of names) all += figures[name]?.[at] ?? 0;
  return all;
}

/** The chosen channel, or all that the chosen projects ever used. */
const channels = () =>
  choice.channel ? [choice.channel] : data.channels.filter((name) => sum(data.periods.at(-1).totals, [name], "sent"));

/** The period before, if all of the chosen projects were loaded then. */
const before = (period) =>
  period.before &&
  data.projects.every(({ name, oldest }) => !isOfProject(name) || oldest < period.before.first) &&
  period.before;

/** The metric over those of the channels that can have it, or null. */
function measured(metric, totals, names) {
  const able = names.filter((name) => has(metric, name));
  if (!able.length) return null;
  const part = sum(totals, able, metric.part);
  if (!metric.of) return part;
  const all = sum(totals, able, metric.of);
  return all ? part / all : null;
}
