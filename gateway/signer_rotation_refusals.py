"""Why a key that acts on chain is not rotated: each a code and a sentence in Chinese and English. Pure."""

from __future__ import annotations

from gateway.command_failures import EXIT_CANNOT, EXIT_PENDING, EXIT_USAGE, CommandFailure


def _refusal(code: str, zh: str, en: str, exit_code: int = EXIT_CANNOT) -> CommandFailure:
    return CommandFailure(f"{code}：{zh}", f"{code}: {en}", exit_code)


def no_such_role(roles: str) -> CommandFailure:
    """``roles`` are those there are."""
    return _refusal("signer.no_role", f"角色应为 {roles} 之一", f"the role is none of {roles}", EXIT_USAGE)


def no_gateway(place: str) -> CommandFailure:
    """The folder's gateway never had contracts."""
    return _refusal("signer.no_chain", f"{place} 尚未部署合约", f"{place} has no contracts yet")


def not_drained(address: str, left: int) -> CommandFailure:
    """``left`` transactions of a key have no final outcome."""
    return _refusal(
        "signer.not_drained",
        f"{address} 还有 {left} 笔交易未最终确定；请让网关以原密钥运行片刻，停止后再运行本命令",
        f"{left} transactions of {address} are not final; let the gateway run with the old key for a while, "
        "stop it, and run this again",
        EXIT_PENDING,
    )


def admin_compromised() -> CommandFailure:
    """The admin's own key is to replace itself though others have it."""
    return _refusal(
        "signer.admin_compromised",
        "管理员密钥已泄露时，不能由它自己更换：持有者同样可以授予和撤销；须由另一位管理员撤销它",
        "an admin's key that others have cannot replace itself, as they can grant and revoke as well; "
        "another admin must revoke it",
    )


def unknown_holder(role: str) -> CommandFailure:
    """Nothing here tells which key acts now."""
    return _refusal(
        "signer.unknown_holder",
        f"此处无法得知 {role} 现由哪把密钥担任",
        f"nothing here tells which key acts as {role} now",
    )


def no_address(role: str) -> CommandFailure:
    """Option and setting do not belong together."""
    return _refusal(
        "signer.no_address",
        f"新密钥在数据目录之外时，TONGYI_SIGNERS 须写明 {role} 的新位置，并以 --address 给出其地址；"
        "否则两者都不要给出",
        f"where the new key is elsewhere, TONGYI_SIGNERS names the new place of {role} and --address the "
        "key's address; else neither",
        EXIT_USAGE,
    )


def another_address(role: str, found: str) -> CommandFailure:
    """The place holds another key than the one named; ``found`` is its address."""
    return _refusal(
        "signer.another_address",
        f"TONGYI_SIGNERS 中 {role} 的密钥地址为 {found}，与 --address 不同",
        f"the key of {role} in TONGYI_SIGNERS is {found}, another than --address",
    )


def key_in_use(address: str) -> CommandFailure:
    """The new key acts, or acted, already."""
    return _refusal(
        "signer.key_in_use",
        f"{address} 正在或曾经担任角色；新密钥须未曾使用",
        f"{address} acts in a role or did so before; a new key is one that never did",
    )


def key_not_at_hand(role: str) -> CommandFailure:
    """A key whose signature the rotation needs is not here."""
    return _refusal(
        "signer.key_not_at_hand",
        f"需要 {role} 的密钥签名，而此处没有在链上具有该角色的密钥",
        f"the key of {role} must sign, and none here has this role on chain",
    )
