"use strict";
// The table of campaigns, which sorts and finds; a campaign opens to its own days.

const COLUMNS = [
  ["Sent", "sent", true],
  ["Delivered", "delivery"],
  ["Opened", "open", true],
  ["Clicked", "click", true],
  ["Click to open", "click_to_open"],
  ["Unsub.", "unsubscribe"],
  ["Bounced", "bounce"],
  ["Revenue", "revenue", true],
];
// Rates of fewer messages tell little.
const FEW = 20;
let campaignsTable = null;

function campaigns(period) {
  const rows = period.campaigns
    .filter(([place, channel]) => isChosen({ project: data.campaigns[place].project, channel }))
    .map(([place, channel, ...figures]) => {
      const campaign = data.campaigns[place];
      return {
        place,
        channel,
        campaign,
        name: called(campaign, "campaign"),
        few: figures[data.figures.indexOf("sent")] < FEW,
        values: COLUMNS.map(([, key]) => measured(TREND[key], { [campaign.project]: { [channel]: figures } }, [channel])),
      };
    });
  const most = COLUMNS.map(([, key], at) =>
    Math.max(...rows.map((row) => (row.few && TREND[key].of ? 0 : (row.values[at] ?? 0)))),
  );
  const kept = campaignsTable && {
    search: { search: campaignsTable.search() },
    order: campaignsTable.order(),
    pageLength: campaignsTable.page.len(),
  };
  campaignsTable?.destroy();
  campaignsTable = null;
  put(
    "campaigns-about",
    `Messages sent in the period, and rates of those delivered (bounces and delivery: of those sent). Those of fewer than ${FEW} messages are grey, and come last. Choose a campaign for its own days. `,
    period.campaigns_in_all > period.campaigns.length
      ? `Of each ${several ? "project and " : ""}channel, the ${data.most_campaigns} that sent the most.`
      : "",
  );
  if (!rows.length) return put("campaigns", nothing("No campaign sent anything in this period."));
  const shown = element("table", { id: "campaigns-table", class: "wide" }, element("caption", {}, "Campaigns"));
  put("campaigns", shown);
  campaignsTable = new DataTable(shown, {
    data: rows,
    pageLength: 15,
    lengthChange: false,
    order: [[2, "desc"]],
    autoWidth: false,
    ...(kept || {}),
    language: {
      search: "Find",
      searchPlaceholder: "a campaign",
      info: "_START_–_END_ of _TOTAL_",
      infoFiltered: "(of _MAX_)",
      infoEmpty: "none",
      zeroRecords: "No campaign is called so.",
    },
    layout: { topStart: "search", topEnd: "info", bottomStart: null, bottomEnd: rows.length > 15 ? "paging" : null },
    columns: [
      {
        title: "Campaign",
        cellType: "th",
        data: "name",
        render: (name, type, row) =>
          type === "filter" ? `${name} ${row.campaign.id}` : type === "display" ? "" : name,
        createdCell: (cell, _, row) => {
          const title = `${row.name} (campaign ${row.campaign.id})`,
            button = element(
              "button",
              { type: "button", class: "open-row", "aria-expanded": "false", title },
              row.name,
            );
          button.addEventListener("click", () => ownDays(button, row, period));
          cell.scope = "row";
          cell.replaceChildren(button);
        },
      },
      { title: "Channel", data: "channel", visible: !choice.channel },
      ...COLUMNS.map(([title, key, bar], at) => ({
        title,
        data: null,
        className: "number",
        orderSequence: ["desc", "asc"],
        type: "num",
        render: (_, type, row) =>
          type === "display"
            ? row.values[at] === null
              ? "–"
              : shownAs(TREND[key])(row.values[at])
            : row.few && TREND[key].of
              ? -1
              : (row.values[at] ?? -1),
        createdCell: (cell, _, row) => {
          if (row.few && TREND[key].of) cell.classList.add("few");
          else if (bar && row.values[at]) {
            cell.classList.add("bar");
            cell.style.setProperty("--share", (100 * row.values[at]) / most[at]);
          }
        },
      })),
    ],
  });
}

function ownDays(button, row, period) {
  const shown = campaignsTable.row(button.closest("tr")),
    open = shown.child.isShown();
  button.setAttribute("aria-expanded", String(!open));
  if (open) return shown.child.hide();
  const box = element("div", { class: "own chart" }),
    weekly = !period.days && "week" in data.own,
    own = data.own[weekly ? "week" : "day"];
  shown.child(box).show();
  const days = (own.campaigns[`${row.place} ${row.channel}`] || [])
    .map(([after, ...figures]) => [iso(time(own.first) + after * DAY), figures])
    .filter(([day]) => day >= period.first);
  if (!days.length) return box.append(nothing(`Days of their own: only for the campaigns that sent the most.`));
  const names = [
    "sent",
    "delivered",
    ...(has(TREND.open, row.channel) ? ["opens"] : []),
    ...(has(TREND.click, row.channel) ? ["clicks"] : []),
  ];
  const title = `${row.name} by ${weekly ? "week" : "day"} of sending`;
  const figure = (figures, name) => figures[data.own_figures.indexOf(name)];
  if (days.length > 2)
    return lines(
      box,
      title,
      days.flatMap(([day, figures]) => names.map((what) => ({ day, what, value: figure(figures, what) }))),
      names,
      number,
      { weekly },
    );
  box.append(
    table(
      title,
      [["Day"], ...names.map((name) => [name, { number: true }])],
      days.map(([day, figures]) => [long(day), ...names.map((name) => number(figure(figures, name)))]),
      null,
    ),
  );
}
