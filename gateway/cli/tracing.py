"""``xueji trace``: from which release a leaked file comes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from tqdm import tqdm

from gateway import bootstrap, settings
from gateway.errors import ConfigurationError
from gateway.keyring import Face
from gateway.releases.tracing.evidence import Confidence, Kind
from gateway.releases.tracing.service import Candidate, Traced

_KINDS = {
    Kind.CONTENT: "文件内容完全一致 the very file",
    Kind.PSEUDONYMS: "假名 pseudonyms",
    Kind.ORDER: "行的排列次序 order of rows",
    Kind.ROWS: "行的内容 rows",
}
_CONFIDENCE = {
    Confidence.CERTAIN: "确定 certain",
    Confidence.STRONG: "很可能 strong",
    Confidence.POSSIBLE: "可能 possible",
}


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_obj
def trace(home: Path | None, file: Path, *, as_json: bool) -> None:
    """Name the release that a leaked FILE comes from, with the evidence (CSV, Parquet, NDJSON, workbook).

    Ends with 0 when a release or at least its grant is named, 3 when that is open, 1 for a file that cannot be read.
    """
    process = bootstrap.open_process(settings.from_environment(home=home), Face.ALL, with_worker=False)
    try:
        tracing = process.services.tracing
        if tracing is None:
            raise ConfigurationError(
                "Tracing needs the pseudonym root: run it on the worker's host.",
                detail_zh="溯源需要假名根密钥，请在工作进程所在主机上运行。",
            )
        with tqdm(unit="release", disable=not sys.stderr.isatty(), leave=False) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            traced = tracing.trace(file, None, progress)
    finally:
        process.close()
    if as_json:
        click.echo(json.dumps(traced.to_json(), ensure_ascii=False, indent=2))
    else:
        for line in _lines(traced):
            click.echo(line)
    sys.exit(0 if traced.grant is not None else 3)


def _lines(traced: Traced) -> list[str]:
    named = traced.named
    lines = [f"{traced.rows} 行，与 {traced.compared} 次提供比对 rows, compared with so many releases"]
    if traced.unreadable:
        lines.append(f"有 {traced.unreadable} 次提供的标记已损坏 marks are damaged and could not be compared")
    if named is None and traced.grant is not None:
        lines.append(f"来源 comes from grant {traced.grant}；具体哪次提取不能确定 which of its extracts is open")
    elif named is None:
        lines.append(
            "不能确定来源 It is open which release the file comes from."
            if traced.candidates
            else "未发现与任何提供相符 The file agrees with no release."
        )
    else:
        lines.append(f"来源 comes from: {named.release.extract}")
    for candidate in traced.candidates:
        lines += ["", *_told(candidate)]
    return lines


def _told(candidate: Candidate) -> list[str]:
    release, grant, found = candidate.release, candidate.grant, candidate.evidence
    lines = [
        f"提取 extract     {release.extract}（{release.created_at:%Y-%m-%d %H:%M} UTC）",
        f"接收方 recipient  {release.recipient}{'' if grant is None else f' {grant.recipient_name}'}",
        f"授权 grant       {release.grant}（{release.purpose}）",
    ]
    if grant is not None:
        lines.append(f"批准人 approver   {grant.approver}；接收方责任人 responsible {grant.responsible}")
    chance = "" if not found.log10_chance else f"，偶合概率 chance ≤ 10^{found.log10_chance:.0f}"
    lines.append(
        f"依据 evidence    {_KINDS[found.kind]}：{found.share:.1%} 的行相符 of the rows agree；"
        f"{_CONFIDENCE[found.confidence]}{chance}"
    )
    return lines
