"use strict";
// The other parts of the page, and the choice that all of them follow.

function header(period) {
  const projects = data.projects.filter((project) => project.name);
  put(
    "scope",
    element("b", {}, `${short(period.first)} – ${short(period.last)}`),
    ` (${(time(period.last) - time(period.first)) / DAY + 1} whole days), `,
    element("b", {}, choice.channel || "all channels"),
    ". ",
    projects.length ? `${several ? "Projects" : "Project"}: ` : "",
    projects
      .map((project) => (several ? `${project.name} (sends up to ${moment(project.newest)})` : project.name))
      .join("; "),
    projects.length ? ". " : "",
    `Data up to ${moment(data.newest)}; that day and the first one loaded are partial and left out.`,
  );
  put(
    "compared",
    period.before
      ? `▲▼ against the ${period.days} days before: ${short(period.before.first)} – ${short(period.before.last)}.`
      : period.days
        ? `Not compared: fewer than ${2 * period.days} whole days are loaded.`
        : "All that is loaded, so there is nothing before to compare with.",
  );
}

const barred = (value, most) => ({ text: number(value), share: most ? value / most : 0 });

function people(period) {
  const [sent = 0, reached = 0, opened = 0, clicked = 0] = period.people[choice.channel] || [],
    steps = [
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
  if (!period.journeys.length)
    return put("journeys", nothing("There is nothing to show: no event of this period belongs to a journey."));
  put(
    "journeys",
    table(
      "The journeys with the most people",
      [["Journey"], ...["Entered", "Messaged", "Opened", "Clicked", "Bought"].map((name) => [name, { number: true }])],
      period.journeys.map(([project, id, name, ...steps]) => [
        called({ project, id, name }, "journey"),
        ...steps.map((count) => barred(count, steps[0])),
      ]),
    ),
  );
}

function domains(period) {
  if (choice.channel && choice.channel !== "Email")
    return put("domains", nothing(`Domains are those of emails; ${choice.channel} has none.`));
  if (!period.domains.length)
    return put("domains", nothing("There is nothing to show: no email was sent in this period."));
  const most = Math.max(...period.domains.map(([, sent, hard, soft]) => (hard + soft) / sent));
  put(
    "domains",
    table(
      "Emails by domain",
      [["Domain"], ...["Sent", "Bounced", "Hard", "Soft", "Complained"].map((name) => [name, { number: true }])],
      period.domains.map(([domain, sent, hard, soft, complained]) => [
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

function lists(period) {
  if (!data.lists.length) {
    put("lists", nothing("There is nothing to show: the stream list_sizes has no rows."));
    return put("lists-table");
  }
  const found = data.lists
    .map((list) => ({ name: called(list, "list"), sizes: list.sizes.filter(([day]) => day >= period.first) }))
    .filter((list) => list.sizes.length);
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
    rows = data.late.filter(([day]) => day >= period.first);
  if (!rows.length)
    return put(
      "late",
      nothing("There is nothing to show: no event of this period has the time at which it was stored."),
    );
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

/** Models that not every version of the package has: their tables, whatever is chosen. */
function optional() {
  for (const [name, { columns, rows }] of Object.entries(data.optional)) {
    const rates = columns.map((column) => column.endsWith("_rate"));
    const titles = columns.map((column, at) => [
      column.replaceAll("_", " "),
      { number: rates[at] || rows.some((row) => typeof row[at] === "number") },
    ]);
    const cells = rows.map((row) =>
      row.map((cell, at) => (typeof cell !== "number" ? (cell ?? "–") : rates[at] ? percent(cell) : number(cell))),
    );
    const title = document.getElementById(`${name}-title`).textContent;
    put(name, rows.length ? table(title, titles, cells) : nothing("There is nothing to show."));
    document.getElementById(name).closest("section").hidden = false;
  }
  if (data.compared)
    put(
      "compared-figures",
      `${data.compared.map(([outcome, figures]) => `${number(figures)} ${outcome}`).join("; ")}.`,
    );
}

/** Everything that follows the choice; without `whole`, only what follows the chosen figure. */
function show(everything = true) {
  const period = data.periods.find((each) => String(each.days ?? "all") === choice.period);
  history.replaceState(null, "", `#${new URLSearchParams(choice)}`);
  tiles(period);
  trend(period);
  if (!everything) return;
  for (const part of [header, campaigns, people, journeys, domains, lists, late]) part(period);
  put(
    "said",
    `${document.getElementById("scope").textContent.split(".")[0]}: ${number(sum(period.totals, channels(), "sent"))} messages sent.`,
  );
}

function choices(id, options) {
  document.getElementById(id).append(
    ...options.map(([value, text]) => {
      const input = element("input", { type: "radio", name: id, value });
      input.checked = value === choice[id];
      input.addEventListener("change", () => {
        choice[id] = value;
        show();
      });
      return element("label", {}, input, text);
    }),
  );
}

if (data.periods) {
  const offered = data.periods.map(({ days }) => [
    String(days ?? "all"),
    days ? `${days} days` : `All ${number(data.days)} days`,
  ]);
  if (!offered.some(([value]) => value === choice.period))
    choice.period = (offered.find(([value]) => value === "28") || offered.at(-1))[0];
  if (!data.channels.includes(choice.channel)) choice.channel = "";
  if (!(choice.metric in TREND)) choice.metric = "sent";
  choices("period", offered);
  choices("channel", [["", "All"], ...data.channels.map((name) => [name, name])]);
  show();
  for (const media of [dark, narrow]) media.addEventListener("change", () => show());
  paper.addEventListener("change", () => {
    show();
    campaignsTable?.page.len(paper.matches ? 50 : 15).draw();
  });
} else {
  for (const hidden of document.querySelectorAll("main, #choice")) hidden.hidden = true;
  put(
    "scope",
    "There is nothing to show yet: no whole day of messages is loaded. The first and the last day are partial.",
  );
}
optional();
