"use strict";
// The parts of the page below campaigns that follow the choice of a period.

const barred = (value, most) => ({ text: number(value), share: most ? value / most : 0 });

/** Rows of one key added up: the numbers at `from` and after it. */
function addedUp(rows, from) {
  const found = new Map();
  for (const row of rows) {
    const key = JSON.stringify(row.slice(0, from)),
      known = found.get(key);
    found.set(key, known ? known.map((cell, at) => (at < from ? cell : cell + row[at])) : row);
  }
  return [...found.values()];
}

function people(period) {
  const [, sent = 0, reached = 0, opened = 0, clicked = 0] =
    addedUp(
      Object.entries(period.people)
        .filter(([project, channels]) => isOfProject(project) && choice.channel in channels)
        .map(([, channels]) => ["", ...channels[choice.channel]]),
      1,
    )[0] || [];
  const steps = [
    ["Sent to", sent],
    ["Reached", reached],
  ];
  if (channels().some((name) => has(TREND.open, name))) steps.push(["Opened", opened]);
  if (channels().some((name) => has(TREND.click, name))) steps.push(["Clicked", clicked]);
  if (!sent) return put("people", nothing("Nobody was sent anything in this period."));
  put(
    "people",
    table(
      `People, ${choice.channel || "all channels"}`,
      [["Step"], ["People", { number: true }], ["Of those sent to", { number: true }]],
      steps.map(([step, count]) => [step, barred(count, sent), percent(count / sent)]),
      "short",
    ),
  );
}

function journeys(period) {
  const rows = period.journeys.filter(([project]) => isOfProject(project)).slice(0, 12);
  if (!rows.length)
    return put("journeys", nothing("There is nothing to show: no event of this period belongs to a journey."));
  put(
    "journeys",
    table(
      "The journeys with the most people",
      [["Journey"], ...["Entered", "Messaged", "Opened", "Clicked", "Bought"].map((name) => [name, { number: true }])],
      rows.map(([project, id, name, ...steps]) => [
        called({ project, id, name }, "journey"),
        ...steps.map((count) => barred(count, steps[0])),
      ]),
    ),
  );
}

function domains(period) {
  if (choice.channel && choice.channel !== "Email")
    return put("domains", nothing(`Domains are those of emails; ${choice.channel} has none.`));
  // Those of all projects are counted by SQL, too: what is few in one may be many in all.
  const rows = period.domains.filter(([project]) =>
    choice.project ? project !== null && isOfProject(project) : project === null,
  );
  if (!rows.length) return put("domains", nothing("There is nothing to show: no email was sent in this period."));
  const most = Math.max(...rows.map(([, , sent, hard, soft]) => (hard + soft) / sent));
  put(
    "domains",
    table(
      "Emails by domain",
      [["Domain"], ...["Sent", "Bounced", "Hard", "Soft", "Complained"].map((name) => [name, { number: true }])],
      rows.map(([, domain, sent, hard, soft, complained]) => [
        domain ?? "all others",
        number(sent),
        { text: percent((hard + soft) / sent), share: most ? (hard + soft) / sent / most : 0 },
        percent(hard / sent),
        percent(soft / sent),
        percent(complained / sent),
      ]),
    ),
  );
}

function skips(period) {
  const rows = period.skips.filter(([project, channel]) => isChosen({ project, channel })),
    skipped = rows.map(([, channel]) => channel),
    names = [...new Set([...data.channels, ...skipped])].filter((name) => skipped.includes(name)),
    of = (reason, name) =>
      rows.reduce(
        (all, [, channel, why, count]) => all + (why === reason && (!name || channel === name) ? count : 0),
        0,
      );
  if (!rows.length) return put("skips", nothing("There is nothing to show: no message of this period was skipped."));
  const counts = [...new Set(rows.map(([, , reason]) => reason))]
    .map((reason) => [reason, of(reason)])
    .sort((one, other) => other[1] - one[1]);
  put(
    "skips",
    table(
      "Messages that were not sent",
      [["Reason"], ...["Messages", ...(names.length > 1 ? names : [])].map((name) => [name, { number: true }])],
      counts.map(([reason, count]) => [
        { text: inWords(reason), title: reason },
        barred(count, counts[0][1]),
        ...(names.length > 1 ? names : []).map((name) => number(of(reason, name))),
      ]),
      names.length > 1 ? "wide" : "short",
    ),
  );
}

/** DuplicateMessage as words. */
const inWords = (reason) => {
  const words = (reason || "no reason given").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return words[0].toUpperCase() + words.slice(1);
};

function lists(period) {
  const found = data.lists
    .filter(({ project }) => isOfProject(project))
    .map((list) => ({
      name: called(list, "list"),
      sizes: list.sizes
        .map((size, at) => [iso(time(list.first) + at * DAY), size])
        .filter(([day, size]) => day >= period.first && size !== null),
    }))
    .filter((list) => list.sizes.length);
  if (!found.length) {
    put("lists", nothing("There is nothing to show: the stream list_sizes has no rows of this period."));
    return put("lists-table");
  }
  const days = new Set(found.flatMap((list) => list.sizes.map(([day]) => day)));
  // Two lists may have one name.
  const names = found.map((list, at) =>
    found.findIndex((other) => other.name === list.name) === at ? list.name : `${list.name} (${at + 1})`,
  );
  if (days.size < 2)
    put(
      "lists",
      nothing("Nothing to draw yet: the lists were counted on one day only. Lines appear from the second day on."),
    );
  else
    lines(
      "lists",
      "List sizes by day",
      found.flatMap((list, at) => list.sizes.map(([day, value]) => ({ day, what: names[at], value }))),
      names,
      number,
    );
  put(
    "lists-table",
    table(
      "List sizes",
      [["List"], ["People", { number: true }], ["Change in the period", { number: true }]],
      found.map((list, at) => {
        const first = list.sizes[0][1],
          last = list.sizes.at(-1)[1],
          most = Math.max(...found.map((each) => each.sizes.at(-1)[1]));
        return [
          names[at],
          barred(last, most),
          list.sizes.length > 1 ? `${last > first ? "+" : ""}${number(last - first)}` : "–",
        ];
      }),
      "short",
    ),
  );
}

function late(period) {
  const names = ["within an hour", "within a day", "later"],
    rows = addedUp(
      data.late.filter(([project, day]) => isOfProject(project) && day >= period.first).map(([, ...row]) => row),
      1,
    );
  if (!rows.length) {
    put("late-sum");
    return put(
      "late",
      nothing("There is nothing to show: no event of this period has the time at which it was stored."),
    );
  }
  const [all, ...totals] = rows.reduce(
    (sums, [, ...counts]) => [
      sums[0] + counts[0] + counts[1] + counts[2],
      ...counts.map((count, at) => count + sums[at + 1]),
    ],
    [0, 0, 0, 0],
  );
  put(
    "late-sum",
    `Of ${number(all)} events: ${names.map((name, at) => `${percent(totals[at] / all)} ${name}`).join(", ")}.`,
  );
  if (totals[0] === all) return put("late");
  lines(
    "late",
    "Share of events stored after an hour",
    rows.flatMap(([day, ...counts]) =>
      counts
        .slice(1)
        .map((value, at) => ({ day, what: names[at + 1], value: value / (counts[0] + counts[1] + counts[2]) })),
    ),
    names.slice(1),
    percent,
  );
}
