"""The endpoints of exports: streaming, and jobs with their files, which are on a host of their own."""

from dataclasses import replace
from hashlib import blake2b

from .core import Core, Handler, Params
from .events import data_types
from .exports import Selection
from .faults import JOB_KINDS
from .http import CSV, JSON_LINES, Refusal, Response, json_response, records_response
from .times import DAY_MS, parse_request_date

_FAR_AHEAD_MS = 4_102_444_800_000  # the year 2100
_OUTPUT_CSV = "text/csv"
_SPELLED = {"emailUnsubscribe": "emailUnSubscribe", "anonSession": "unknownSession"}  # by clients' spelling (seen)


def _selection(core: Core, params: Params) -> Selection:
    data_type, now_ms = params.required("dataTypeName"), core.clock.now_ms()
    if core.settings.spellings == "all":
        data_type = _SPELLED.get(data_type, data_type)
    if data_type not in data_types():
        raise Refusal(f"Invalid dataTypeName: {data_type}")
    if data_type in core.settings.forbidden_data_types:
        raise Refusal(f"This API key is not permitted to export {data_type}", 403)
    today = now_ms // DAY_MS * DAY_MS
    ranges = {"Today": (today, today + DAY_MS), "Yesterday": (today - DAY_MS, today)}
    ranges |= {"BeforeToday": (0, today), "All": (0, _FAR_AHEAD_MS)}
    start, end = ranges.get(params.choice("range", ranges) or "", (None, None))
    start, end = _edge(params, "startDateTime", start), _edge(params, "endDateTime", end)
    if start > end:
        raise Refusal("startDateTime must be before endDateTime")
    fields = [(params.one(name) or "").replace(" ", "").split(",") for name in ("onlyFields", "omitFields")]
    only, omit = (frozenset(filter(None, names)) for names in fields)
    campaign = params.number("campaignId") if "campaignId" in params.query else None
    as_csv = params.url_path.endswith(".csv") or params.one("outputFormat") == _OUTPUT_CSV
    return Selection(data_type, start, end, now_ms, only, omit, campaign, as_csv)


def _edge(params: Params, name: str, default: int | None) -> int:
    text = params.one(name)
    # Jobs take ISO 8601 too.
    ms = default if text is None else parse_request_date(text, iso=params.url_path == "export/start")
    if ms is None:
        raise Refusal(f"Either range or {name} is required, a date as yyyy-MM-dd HH:mm:ss ZZ: {text}")
    return ms


def _data(core: Core, params: Params) -> Response:
    selection = _selection(core, params)
    return records_response(core.exports.lines(selection), CSV if selection.as_csv else JSON_LINES)


def _start(core: Core, params: Params) -> Response:
    body = {"range": "All", **(params.body if isinstance(params.body, dict) else {})}
    params = replace(params, query={name: [str(value)] for name, value in body.items() if value is not None})
    params.required("outputFormat"), params.choice("outputFormat", (JSON_LINES, _OUTPUT_CSV))
    fate = params.fault if params.fault is not None and params.fault.kind in JOB_KINDS else None
    selection = _selection(core, params)
    return json_response({"jobId": core.jobs.start(selection.data_type, selection, fate)})


def files_page(job_id: int, state: str, truncated: bool, urls: dict[str, str]) -> dict[str, object]:
    """The body of `export/{jobId}/files`: a page of files by their names."""
    files = [{"file": name, "url": url} for name, url in urls.items()]
    return {"jobId": job_id, "jobState": state, "exportTruncated": truncated, "files": files}


def _files(core: Core, params: Params) -> Response:
    """The job's state and ten of its files, under links that expire."""
    job_id, issued = params.number("jobId"), f"{core.clock.elapsed():.3f}"
    state, truncated, names = core.jobs.poll(job_id, params.one("startAfter") or "")
    urls = {}
    for name in names:
        path = f"iterable-exports/{job_id}/{name}"
        signed = f"X-Amz-Expires={core.settings.url_ttl:g}&X-Amz-Signature={_signature(core, path, issued)}"
        urls[name] = f"{core.files_url}{path}?X-Amz-Date={issued}&{signed}"
    return json_response(files_page(job_id, state, truncated, urls))


def _signature(core: Core, path: str, issued: str) -> str:
    return blake2b(f"{core.settings.seed}|{path}|{issued}".encode(), digest_size=16).hexdigest()


def _cancel(core: Core, params: Params) -> Response:
    core.jobs.cancel(params.number("jobId"))
    return json_response({"code": "Success", "msg": f"Export job {params.path['jobId']} cancelled", "params": None})


def _file_of_job(core: Core, params: Params) -> Response:
    path, issued = params.path["path"], params.one("X-Amz-Date") or ""
    if params.one("X-Amz-Signature") != _signature(core, path, issued):
        raise Refusal("The request signature does not match", 403)
    expired = core.clock.elapsed() > float(issued) + float(params.one("X-Amz-Expires") or 0)
    if expired or (params.fault is not None and params.fault.kind == "expired"):
        raise Refusal("Request has expired", 403)
    content = core.jobs.file(path.removeprefix("iterable-exports/"))
    length = {"Content-Length": str(len(content))}  # "no_end" keeps it: by it a cut file can be told
    return Response(body=content, media_type="binary/octet-stream", headers=length)


# By path and method; on the storage host without an API key.
HANDLERS: dict[str, dict[str, Handler]] = {
    "export/data.json": {"GET": _data},
    "export/data.csv": {"GET": _data},
    "export/{jobId}/files": {"GET": _files},
    "export/start": {"POST": _start},
    "export/{jobId}": {"DELETE": _cancel},
}
STORAGE_HANDLERS: dict[str, dict[str, Handler]] = {"(?P<path>.*)": {"GET": _file_of_job}}
