"""English and Chinese words for the codes a refusal's sentence may hold: states, steps, kinds, stages.

The codes themselves stay in the document's own members, where programs read them; here stands what a person
is told instead. A code may mean another thing in another room: words of one kind come before those of all.
A test reads states, steps and kinds from the rules and names what has no words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Words(NamedTuple):
    """What a code is called."""

    en: str
    zh: str


Table = Mapping[str, Words]


def _table(**rows: tuple[str, str]) -> dict[str, Words]:
    return {code: Words(*words) for code, words in rows.items()}


STATES: dict[str, Table] = {
    "": _table(
        accepted=("accepted", "已接受"), active=("active", "有效"), anchored=("anchored", "已锚定"),
        appealed=("under appeal", "申诉中"), applied=("applied for", "已申请"),
        appointed=("appointed", "已任命"), assigned=("assigned", "已分派"), awaited=("awaited", "待缴纳"),
        booked=("booked", "已预订"), cancelled=("cancelled", "已取消"), checked=("checked", "已核查"),
        checked_in=("checked in", "已签到"), checked_out=("checked out", "已签退"),
        closed=("closed", "已关闭"), closing=("closing", "关闭中"), compensated=("compensated", "已赔付"),
        completed=("completed", "已完成"), confirmed=("confirmed", "已确认"), counted=("counted", "已计数"),
        credentials_reviewed=("past the review of credentials", "资质已审核"),
        declared=("declared", "已申报"), dismissed=("dismissed", "已驳回"), disputed=("disputed", "争议中"),
        emptying=("being emptied", "清空中"), ended=("ended", "已结束"), executed=("executed", "已执行"),
        expired=("expired", "已过期"), filed=("filed", "已提交"), final=("final", "已最终确认"),
        given=("given", "已发放"), granted=("granted", "已授予"), held=("held", "持有中"),
        kept=("kept", "已保留"), lapsed=("lapsed", "已失效"), leaving=("leaving", "退出中"),
        left=("left", "已退出"), lifted=("lifted", "已解除"), listed=("listed", "在列"),
        logged=("logged", "已入日志"), moved=("moved to another account", "已转移至新账户"),
        no_show=("no-show", "未到场"), offered=("offered", "已派单"), open=("open", "开放"),
        ordered=("ordered", "已下达"), over=("over", "已结束"),
        owed_back=("to be brought back", "待追回"), paid=("paid", "已支付"),
        partly_completed=("partly completed", "部分完成"), partly_refunded=("partly refunded", "部分退款"),
        partly_returned=("partly returned", "部分退回"), passed=("passed", "已通过"),
        published=("published", "已发布"), ranked=("ranked", "已排名"), recorded=("recorded", "已记录"),
        referral_reviewed=("past the review of referral ability", "推荐能力已审核"),
        refunded=("refunded", "已退款"), refused=("refused", "已拒绝"), rejected=("rejected", "已驳回"),
        release_appealed=("under appeal against its release", "释放申诉中"),
        release_proposed=("proposed for release", "拟释放"), requested=("requested", "已提出需求"),
        reputation_reviewed=("past the review of reputation", "信誉已审核"),
        returned=("returned", "已退回"), serving=("serving", "任职中"), set=("set", "已设定"),
        settled=("settled", "已结清"), settling=("settling", "结算中"), split=("split", "已分账"),
        suspended=("suspended", "已暂停"), unsplit=("not split", "未分账"), used=("used", "已使用"),
        verified=("verified", "已核实"), void=("void", "已作废"), warned=("warned", "已预警"),
        withdrawn=("withdrawn", "已撤回"), diamond=("diamond", "钻石"), gold=("gold", "金卡"),
        silver=("silver", "银卡"), none=("without a title", "无等级"),
    ),
    "account": _table(active=("active", "正常"), closed=("closed", "已注销"), closing=("closing", "注销中")),
    "complaint": _table(closed=("closed", "已结案"), dismissed=("dismissed", "不成立")),
    "deposit": _table(
        active=("active", "足额在存"), closed=("closed", "已退清"), held=("held", "已冻结"),
        suspended=("below its floor", "低于下限"),
    ),
    "voucher": _table(open=("open", "未使用"), void=("void", "已作废")),
}  # fmt: skip
"""Words by room and state: the room is what a refusal's code begins with, empty for all others."""

STEPS: dict[str, Table] = {
    "": _table(
        accept=("accept", "接受"), appeal=("appeal", "申诉"), assign=("assign", "分派"),
        begin=("begin", "开始"), book=("book", "预订"), bring_back=("bring back", "追回"),
        cancel=("cancel", "取消"),
        check_in=("check in", "签到"), check_out=("check out", "签退"), close=("close", "关闭"),
        complete_partly=("complete partly", "部分完成"), confirm=("confirm", "确认"),
        decide=("decide", "裁定"), decline=("decline", "谢绝"), dismiss=("dismiss", "驳回"),
        dispute=("dispute", "提出争议"), expire=("expire", "过期"), forfeit=("forfeit", "没收"),
        give_notice=("give notice", "提出退出"), grant=("grant", "授予"), hold=("hold", "冻结"),
        keep=("keep", "保留"), lapse=("lapse", "失效"), leave=("leave", "退出"), lift=("lift", "解除"),
        lodge=("lodge", "缴纳"), offer=("offer", "派单"), overturn=("overturn", "改判"),
        pay=("pay", "支付"), pay_out=("pay out", "付出余额"), propose_release=("propose release", "提议释放"),
        refund=("refund", "退还"), reject=("reject", "驳回"), release=("release", "释放"),
        renew=("renew", "续期"), report_absent=("report absent", "报告缺席"), request=("request", "提出需求"),
        restore=("restore", "恢复"), subsidise=("subsidise", "补贴"), suspend=("suspend", "暂停"),
        top_up=("top up", "补足"), uphold=("uphold", "维持"), verify=("verify", "核实"),
        withdraw=("withdraw", "撤回"), withdraw_notice=("withdraw notice", "撤回退出通知"),
    )
    | {
        "pass": Words("pass", "通过"),
        "penalty.appealed": Words("appeal against a penalty", "对处罚申诉"),
        "penalty.executed": Words("execute a penalty", "执行处罚"),
        "penalty.notice_ended": Words("end a public notice", "结束公示"),
        "service.settled": Words("pay out the next part", "支付下一笔"),
    },
    "account": _table(close=("close", "注销"), begin=("begin closing", "开始注销")),
    "complaint": _table(close=("close", "结案"), uphold=("uphold the appeal", "支持申诉")),
    "deposit": _table(release=("release", "解冻")),
}  # fmt: skip
"""Words by room and step; steps that are entry types stand under their whole name."""

KINDS: Table = _table(
    agenda=("agenda", "日程"), appeal=("appeal", "申诉"), award=("award", "奖项"),
    booking=("booking", "预约"), capital=("contribution", "出资"), claim=("claim", "索赔"),
    closing=("closing of an account", "账户注销"), committee=("committee seat", "委员会席位"),
    complaint=("complaint", "投诉"), demand=("demand of a week", "周需求"), deposit=("deposit", "保证金"),
    fee=("fee", "会费"), forfeiture=("forfeiture", "没收"),
    fund_use=("use of a fund", "基金使用"), grant=("grant", "赠款"),
    guardian=("guardianship", "监护关系"), kin=("kinship", "亲属关系"), listing=("listing", "名单条目"),
    membership=("membership", "会员资格"), notice=("notice", "公示"), offer=("offer", "服务供给"),
    parameter=("parameter", "参数"), paycode=("payment code", "付款码"), penalty=("penalty", "处罚"),
    pool=("pool", "资金池"), profit=("declared profit", "利润申报"), promise=("promise", "承诺"),
    rebate=("rebate", "返还"),
    referral=("referral", "推荐关系"), referral_duty=("month of referral duty", "推荐义务月份"),
    referral_income=("referral income", "推荐收入"), referral_king=("referral king", "推荐王"),
    referral_reward=("referral reward", "推荐奖励"), release=("release", "释放"),
    rule_table=("rule table", "规则表"), sale=("sale", "消费"), seat=("seat", "席位"),
    seat_application=("seat application", "席位申请"), seat_quarter=("closed quarter", "已结季度"),
    seat_rating=("rating", "评分"), seat_score=("score", "复核分"), service_item=("service", "服务项目"),
    steward=("steward", "管家"), subsidy=("subsidy", "补贴"), supply=("supply of a week", "周供给"),
    surplus=("surplus", "超额"), tier=("title", "等级"), voucher=("voucher", "代金券"),
    # Kinds of memberships, as fees name them.
    co_creation=("co-creation membership", "共创会员"), merchant=("merchant membership", "商家会员"),
    ordinary=("ordinary membership", "普通会员"), refundable=("refundable membership", "可退会员"),
    trial=("trial membership", "体验会员"),
)  # fmt: skip
"""Words by kind of case or membership."""

STAGES: Table = _table(
    credentials=("credentials", "资质"), reputation=("reputation", "信誉"),
    referral_ability=("referral ability", "推荐能力"), grant=("the grant", "授予"),
)  # fmt: skip
"""Words by stage of a review."""

_JOINT = " or "
_GAP = re.compile("(?<=[\u3000-\u9fff\uff00-\uffef]) (?=[\u3000-\u9fff\uff00-\uffef])")
_WANTED_STATES = frozenset({"case.wrong_state", "proof.pending"})
"""Refusals whose wanted values are states."""


def sentence_words(code: str, fields: Mapping[str, str | int], language: str) -> dict[str, str]:
    """Return words for those fields of a refusal that hold codes; ``language`` is zh or en.

    A code without words stays as it is.
    """
    found: dict[str, str] = {}
    for name, value in fields.items():
        tables = _tables(code, name)
        if tables and isinstance(value, str):
            parts = [_say(part, tables, language) for part in value.split(_JOINT)]
            found[name] = (" 或 " if language == "zh" else _JOINT).join(parts)
    return found


def close_up(sentence: str) -> str:
    """Return a Chinese sentence without the spaces that stood around codes."""
    return _GAP.sub("", sentence)


def _tables(code: str, name: str) -> tuple[Table, ...]:
    room = code.partition(".")[0]
    if name == "state" or (name in ("want", "wanted") and code in _WANTED_STATES):
        # A case may wait for a step that has no state of its own.
        return STATES.get(room, {}), STATES[""], STEPS[""]
    if name == "step":
        return STEPS.get(room, {}), STEPS[""]
    return {"kind": (KINDS,), "stage": (STAGES,)}.get(name, ())


def _say(part: str, tables: tuple[Table, ...], language: str) -> str:
    for table in tables:
        if part in table:
            return table[part].zh if language == "zh" else table[part].en
    return part
