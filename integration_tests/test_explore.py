"""The notebook docs/explore.py, run without a browser."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from integration_tests.models import BIN, ROOT, Built, Record

pytestmark = pytest.mark.models

# Runs the notebook, and writes its answers (rows of each table) and the rows that each chart has.
RUN = """
import json, sys
import altair, pandas
sys.argv[1:] = ["--database", sys.argv[1]]
from explore import app
outputs, found = app.run()
answers = {name: value.to_dict("records") for name, value in found.items() if isinstance(value, pandas.DataFrame)}
charts = [chart.to_dict() for chart in outputs if isinstance(chart, altair.Chart)]
drawn = [sum(len(rows) for rows in chart["datasets"].values()) for chart in charts]
json.dump({"answers": answers, "drawn": drawn}, sys.stdout, default=str)
"""


def test_ten_questions_have_answers_and_charts(loaded: Path, built: Built) -> None:
    command = [str(BIN / "python"), "-c", RUN, str(loaded)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT / "docs")
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    answers: dict[str, list[Record]] = found["answers"]
    assert len(answers) == 10
    assert [len(rows) for rows in answers.values() if not rows] == []
    assert sorted(found["drawn"]) == sorted(len(rows) for rows in answers.values())
    domains = built.rows(
        "SELECT domain, sum(bounced) AS n FROM iterable__deliverability GROUP BY 1 HAVING sum(bounced) > 0"
    )
    bounced: dict[str, int] = {}
    for row in answers["bounces_by_domain"]:
        bounced[row["domain"]] = bounced.get(row["domain"], 0) + row["messages"]
    assert bounced == {row["domain"]: row["n"] for row in domains}, "as the models count them"
    theirs = built.rows(
        """
        SELECT campaign_name || ' (' || campaign_id || ')' AS campaign, iterables
        FROM iterable__metric_reconciliation INNER JOIN iterable__campaigns USING (source_relation, campaign_id)
        WHERE iterable_metric = 'Unique Email Opens (filtered)'
        """
    )
    opens = {row["campaign"]: row["opened"] for row in answers["opens_by_campaign"]}
    assert opens.items() <= {row["campaign"]: row["iterables"] for row in theirs}.items(), "as Iterable reports them"
