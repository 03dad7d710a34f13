"""The public page ``/``: where the log, the chain and the mirror stand. No script, no outside asset.

Chinese by default, English by ``?lang=en``. Shows public figures only: sizes, heights, ages.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Content security policy of the page: nothing loads but its own text and style."""

_WORDS = {
    "zh": {
        "title": "同壹社区公证",
        "lead": "本页公开账本的状态。任何人都可以读取日志，并用证明文件离线核对自己的记录。",
        "state": "当前状态",
        "not": "不被证明的是：记录在写入之前的内容是否属实，以及积分变动出于何人的权限。",
        "links": "公开入口",
        "other": "English",
        "origin": "日志名称",
        "checkpoint_size": "已发布的记录数",
        "anchored_size": "已锚定上链的记录数",
        "settled_index": "合约已执行到",
        "chain_id": "链编号",
        "mirror_block": "镜像区块高度",
        "mirror_lag_blocks": "镜像落后区块数",
        "reconcile_mismatch": "对账不符的账户数",
        "checkpoint": "检查点",
        "vkey": "日志公钥",
        "status": "状态（JSON）",
        "openapi": "接口说明（OpenAPI）",
    },
    "en": {
        "title": "Tongyi community notary",
        "lead": "The public state of the ledger. Anyone can read the log and check a record offline.",
        "state": "State now",
        "not": "Not proved: that what was recorded was true before it was recorded, and by whose authority "
        "credits moved.",
        "links": "Public addresses",
        "other": "中文",
        "origin": "Log name",
        "checkpoint_size": "Records published",
        "anchored_size": "Records anchored on chain",
        "settled_index": "Executed by the contract up to",
        "chain_id": "Chain id",
        "mirror_block": "Mirrored block",
        "mirror_lag_blocks": "Blocks the mirror is behind",
        "reconcile_mismatch": "Accounts that do not reconcile",
        "checkpoint": "Checkpoint",
        "vkey": "Log key",
        "status": "Status (JSON)",
        "openapi": "Interface (OpenAPI)",
    },
}
_LINKS = {
    "checkpoint": "/log/checkpoint",
    "vkey": "/log/vkey",
    "status": "/v1/status",
    "openapi": "/openapi.json",
}
_STYLE = (
    "body{font:18px/1.6 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}td{border-bottom:1px solid #ddd;padding:.35rem 0}"
    "td+td{text-align:right;overflow-wrap:anywhere}a{color:#0b5c8a}"
)


def render_page(figures: Mapping[str, str | int | float | None], language: str) -> str:
    """Return the page in ``language`` (``zh`` or ``en``); figures without a word of ours are left out."""
    words = _WORDS[language]
    rows = "".join(
        f"<tr><td>{words[name]}</td><td>{escape('–' if value is None else str(value))}</td></tr>"
        for name, value in figures.items()
        if name in words
    )
    links = "".join(f'<li><a href="{target}">{words[name]}</a></li>' for name, target in _LINKS.items())
    other = "en" if language == "zh" else "zh"
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{words["title"]}</title>'
        f"<style>{_STYLE}</style></head><body><header><h1>{words['title']}</h1>"
        f'<a href="/?lang={other}" lang="{other}">{words["other"]}</a></header><main>'
        f"<p>{words['lead']}</p><h2>{words['state']}</h2><table>{rows}</table>"
        f"<h2>{words['links']}</h2><ul>{links}</ul><p>{words['not']}</p></main></body></html>"
    )
