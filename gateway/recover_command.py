"""``tongyi recover`` on the command line: what it says and how it ends."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.command_failures import EXIT_MISMATCH, EXIT_PASS
from gateway.command_options import AsJson, ChainUrl, Data, DatabaseUrl, show_progress

if TYPE_CHECKING:
    from gateway.repair.recovering import Finding, Report

_STORES = {
    "log files": "日志文件", "mirror": "镜像", "registers": "登记（账户、余额、限额、锁定）", "cases": "事项",
    "running sums": "累计数", "SQL": "SQL", "chain": "链", "entries": "记录",
}  # fmt: skip

SENTENCES = {
    "sql.damaged": (
        "数据库自身有矛盾：{about}；请恢复完好的备份",
        "the database contradicts itself: {about}; restore a backup that is whole",
    ),
    "log.behind_checkpoint": (
        "数据库有 {here} 条记录，而已发布的检查点有 {there} 条",
        "the database holds {here} entries, the published checkpoint {there}",
    ),
    "log.differs_from_checkpoint": (
        "在 {there} 条处，已发布的检查点与数据库的记录不是同一棵树",
        "the published checkpoint of {there} is of another tree than the database's entries",
    ),
    "log.behind_anchor": (
        "数据库有 {here} 条记录，而链上已锚定 {there} 条",
        "the database holds {here} entries, the chain has anchored {there}",
    ),
    "log.differs_from_anchor": (
        "在 {there} 条处，链上锚定与数据库的记录不是同一棵树",
        "the anchor of {there} is of another tree than the database's entries",
    ),
    "log.behind_witness": (
        "数据库有 {here} 条记录，而见证方已联署 {there} 条（{about}）",
        "the database holds {here} entries, a witness has cosigned {there} ({about})",
    ),
    "log.differs_from_witness": (
        "在 {there} 条处，见证方联署的与数据库的记录不是同一棵树（{about}）",
        "what a witness cosigned of {there} is of another tree than the database's entries ({about})",
    ),
    "registers.erased": (
        "第 {here} 条记录已被清除，无法再由记录推出登记",
        "entry {here} was erased: registers cannot be told from the entries",
    ),
    "registers.unreadable": (
        "第 {here} 条记录无法读出，登记未作改动",
        "entry {here} cannot be read: registers are left as they are",
    ),
    "registers.operands": (
        "第 {here} 条记录的操作数盐值丢失或有误，别处均无，登记未作改动",
        "the salt of entry {here}'s operands is lost or wrong and kept nowhere else: not touched",
    ),
    "cases.not_given": (
        "规则推不出第 {here} 条记录（{about}），事项未作改动",
        "the rules do not give entry {here} ({about}): cases are left as they are",
    ),
    "chain.unknown": (
        "没有可用的链（可用 --chain-url 指明）：未与锚定和镜像比较",
        "no chain to ask (--chain-url names one): anchors and mirror were not compared",
    ),
    "chain.behind": (
        "链在第 {there} 块，镜像已到第 {here} 块：无需修复，启动后镜像跟随链，发件箱重发原有字节（{about}）",
        "the chain is at block {there}, the mirror at {here}: nothing to repair, on start the mirror follows "
        "the chain and the outbox sends the same bytes again ({about})",
    ),
    "chain.elsewhere": (
        "镜像的第 {here} 块不在链上：无需修复，启动后镜像退回到共同的块并继续（{about}）",
        "block {here} of the mirror is not the chain's: nothing to repair, on start the mirror steps back "
        "to the last common block and goes on ({about})",
    ),
    "mirror.empty": (
        "尚无镜像：启动后从第一块起建立", "nothing is mirrored yet: a start begins from the first block"
    ),
    "witnesses.unanswered": (
        "应答的见证方不足法定数：未知其已联署到何处",
        "too few witnesses answer: what they have cosigned is not known",
    ),
}  # fmt: skip
"""What is said of each finding, in Chinese and English."""

_NEEDS = (
    "正文和盐值只在数据库中，别处无法重建；未作任何改动。请恢复至少含 {0} 条记录的较新备份；"
    "若没有，只能以新日志接续（见 gateway/README.md 的运行手册）",
    "bodies and salts are in the database alone and cannot be made again; nothing was changed. Restore a "
    "newer backup, of at least {0} entries; without one, a successor log is the way (runbook in "
    "gateway/README.md)",
)


def recover(
    write: Annotated[
        bool,
        typer.Option("--write", help="Repair; else only say what would be. 执行修复；否则只说明。"),
    ] = False,
    data: Data = None,
    chain_url: ChainUrl = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Repair a stopped gateway's stores from one another; changes nothing without --write.
    用其余存储修复已停止的网关的某一存储；不带 --write 时不作任何改动。

    Log files from SQL, the mirror from the chain, registers and cases from the entries, nothing else; what is
    replaced is moved aside. Exit 0: all is whole; 1: something is left, or would be repaired with --write.
    日志文件依据 SQL，镜像依据链，登记和事项依据记录，此外不动；被替换的移到一旁。
    退出码 0：全部完好；1：尚有问题，或须以 --write 修复。
    """
    from gateway.repair.recovering import run_recover

    report = run_recover(data, database_url, chain_url, write=write, on_entry=show_progress("entry"))
    if as_json:
        typer.echo(json.dumps({"whole": report.is_whole, **asdict(report)}))
    else:
        _tell(report)
    raise typer.Exit(EXIT_PASS if report.is_whole else EXIT_MISMATCH)


def _tell(report: Report) -> None:
    for finding in report.contradictions:
        typer.echo(f"✗ {_sentence(finding)}")
    if report.needs is not None:
        zh, en = (words.format(f"{report.needs:,}") for words in _NEEDS)
        typer.echo(f"✗ {zh} / {en}")
    done = "已修复 / repaired" if report.written else "可修复 / to be repaired"
    for repair in report.repairs:
        store, source = _STORES[repair.store], _STORES[repair.source]
        typer.echo(
            f"{done}: {store}（{repair.count:,} 处，依据{source}）/ "
            f"{repair.store}, {repair.count:,}, from {repair.source}"
        )
        for name in repair.first:
            typer.echo(f"    {name}")
    for finding in report.notes:
        typer.echo(f"· {_sentence(finding)}")
    if report.aside is not None:
        typer.echo(f"原有内容在 / what was there is in: {report.aside}")
    if report.repairs and not report.written:
        typer.echo("未作改动；执行修复请加 --write / nothing was changed; --write repairs")
    if report.is_whole:
        typer.echo(f"✓ {report.entries:,} 条记录，全部完好 / {report.entries:,} entries, all is whole")


def _sentence(finding: Finding) -> str:
    zh, en = (words.format(**asdict(finding)) for words in SENTENCES[finding.code])
    return f"{zh} / {en}"
