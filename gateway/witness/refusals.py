"""Why a witness refuses: one code each, with its HTTP status and a sentence in both languages.

Statuses are those of C2SP tlog-witness. Nothing that was sent is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

from chain.errors import NotaryError


@dataclass(frozen=True, slots=True)
class RefusalText:
    """Status and sentences of one code."""

    status: int
    en: str
    zh: str


REFUSALS: dict[str, RefusalText] = {
    "request.malformed": RefusalText(
        400, "This is no add-checkpoint request.", "这不是合规的 add-checkpoint 请求。"
    ),
    "size.old_above_new": RefusalText(
        400, "The old size is above the checkpoint's.", "旧的大小大于检查点的大小。"
    ),
    "signature.invalid": RefusalText(
        403,
        "No key trusted for this log signed the checkpoint, or its signature does not hold.",
        "检查点没有此日志受信任密钥的签名，或签名不成立。",
    ),
    "log.unknown": RefusalText(404, "This log is not witnessed here.", "本见证方不见证这份日志。"),
    "page.unknown": RefusalText(404, "There is nothing here.", "这里没有内容。"),
    "checkpoint.none": RefusalText(
        404, "No checkpoint of this log was cosigned yet.", "尚未为这份日志联署过检查点。"
    ),
    "method.not_allowed": RefusalText(405, "Not with this method.", "不接受此请求方法。"),
    "body.timeout": RefusalText(408, "The body did not arrive in time.", "请求体未在时限内到达。"),
    "size.other": RefusalText(
        409, "The old size is not the one cosigned last.", "旧的大小不是最近联署的大小。"
    ),
    "body.too_large": RefusalText(413, "The body is too large.", "请求体过大。"),
    "proof.invalid": RefusalText(
        422,
        "The proof does not lead from the checkpoint cosigned last to this one.",
        "证明不能从最近联署的检查点推到此检查点。",
    ),
    "root.other": RefusalText(
        422,
        "Another root of this size was cosigned; both are kept as evidence.",
        "已联署过同一大小的另一个根哈希；两者均已留作证据。",
    ),
    "root.not_empty": RefusalText(
        422, "A tree of size 0 has the empty root.", "大小为 0 的树必须是空树的根哈希。"
    ),
    "busy": RefusalText(503, "Too many requests at once.", "同时进行的请求过多。"),
    "state.unavailable": RefusalText(
        503, "What was cosigned last cannot be read or kept.", "无法读取或保存最近联署的内容。"
    ),
}
"""Every code a witness answers with."""


class WitnessRefusal(NotaryError):
    """A request is refused. ``size`` is the size cosigned last, with ``size.other`` alone."""

    def __init__(self, code: str, *, size: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.size = size

    @property
    def status(self) -> int:
        """The HTTP status of the code."""
        return REFUSALS[self.code].status
