"""The sentences of verdicts, Chinese and English, by step, status and code. Pure; data only."""

from __future__ import annotations

from typing import Literal

from chain.evidence.steps import Outcome, Status, StepNumber

Language = Literal["zh", "en"]
Words = tuple[str, str]
"""One sentence in Chinese and in English."""

LANGUAGES: tuple[Language, ...] = ("zh", "en")

OUTCOMES: dict[Outcome, Words] = {
    "pass": ("核验通过", "Verified"),
    "pending": ("等待上链", "Waiting for the chain"),
    "mismatch": ("核验不通过", "Verification failed"),
    "cannot_check": ("暂时无法核验", "Cannot be checked for now"),
}

STATUSES: dict[Status, Words] = {
    "passed": ("通过", "passed"),
    "failed": ("不符", "failed"),
    "not_present": ("未包含", "not present"),
}

_N = StepNumber

STEPS: dict[StepNumber, Words] = {
    _N.FORMAT: ("文件格式", "file format"),
    _N.TRUST_ROOT: ("信任根", "trust root"),
    _N.COMMITMENT: ("记录承诺", "record commitment"),
    _N.OPERATION: ("积分操作", "credit operation"),
    _N.DISCLOSURES: ("披露字段", "disclosed fields"),
    _N.INCLUSION: ("包含证明", "inclusion proof"),
    _N.CHECKPOINT: ("检查点签名", "checkpoint signature"),
    _N.WITNESSES: ("见证人联署", "witness cosignatures"),
    _N.ANCHOR: ("链上锚定", "anchor on chain"),
    _N.CONTRACT: ("合约代码", "contract code"),
    _N.BLOCKS: ("区块衔接", "block links"),
    _N.SEALS: ("区块签名", "block seals"),
    _N.OUTCOME: ("执行结果", "operation outcome"),
    _N.STATE: ("账户余额", "account balance"),
    _N.LOCK: ("锁定", "lock"),
}

SENTENCES: dict[tuple[StepNumber, Status], Words] = {
    (_N.FORMAT, "passed"): ("文件格式正确。", "The file is well formed."),
    (_N.FORMAT, "failed"): (
        "文件格式不正确，内容可能被改动。",
        "The file is malformed and may have been altered.",
    ),
    (_N.FORMAT, "not_present"): ("没有读取文件格式。", "The file's format was not read."),
    (_N.TRUST_ROOT, "passed"): ("证明是为您手中的信任根制作的。", "The proof was made for your trust root."),
    (_N.TRUST_ROOT, "failed"): ("证明是为另一个信任根制作的。", "The proof was made for another trust root."),
    (_N.TRUST_ROOT, "not_present"): ("没有可以比对的信任根。", "There is no trust root to compare with."),
    (_N.COMMITMENT, "passed"): (
        "记录内容与账本中的承诺一致。",
        "The record is the one the ledger committed to.",
    ),
    (_N.COMMITMENT, "failed"): (
        "记录内容与账本中的承诺不一致。",
        "The record is not the one the ledger committed to.",
    ),
    (_N.COMMITMENT, "not_present"): ("文件不含记录内容。", "The file does not hold the record."),
    (_N.OPERATION, "passed"): (
        "链上操作与记录所写相同。",
        "The operation on chain is the one in the record.",
    ),
    (_N.OPERATION, "failed"): (
        "链上操作与记录所写不同。",
        "The operation on chain is not the one in the record.",
    ),
    (_N.OPERATION, "not_present"): ("没有可以核对的积分操作。", "There is no credit operation to check."),
    (_N.DISCLOSURES, "passed"): ("披露的字段属于这条记录。", "The disclosed fields belong to this record."),
    (_N.DISCLOSURES, "failed"): (
        "披露的字段不属于这条记录。",
        "The disclosed fields do not belong to this record.",
    ),
    (_N.DISCLOSURES, "not_present"): ("没有披露任何私密字段。", "No private field was disclosed."),
    (_N.INCLUSION, "passed"): (
        "记录在检查点所示的账本之中。",
        "The record is in the ledger of the checkpoint.",
    ),
    (_N.INCLUSION, "failed"): (
        "记录不在检查点所示的账本之中。",
        "The record is not in the ledger of the checkpoint.",
    ),
    (_N.INCLUSION, "not_present"): ("没有核对包含证明。", "Inclusion was not checked."),
    (_N.CHECKPOINT, "passed"): ("检查点由该账本的密钥签署。", "The ledger's own key signed the checkpoint."),
    (_N.CHECKPOINT, "failed"): (
        "检查点没有该账本密钥的有效签名。",
        "The ledger's own key did not sign the checkpoint.",
    ),
    (_N.CHECKPOINT, "not_present"): ("没有核对检查点签名。", "The checkpoint's signature was not checked."),
    (_N.WITNESSES, "passed"): ("见证人已联署这个检查点。", "Witnesses cosigned this checkpoint."),
    (_N.WITNESSES, "failed"): (
        "见证人联署无效，或有不明签名。",
        "A cosignature does not hold, or a signer is unknown.",
    ),
    (_N.WITNESSES, "not_present"): (
        "见证人联署没有或不足。",
        "Cosignatures of witnesses are absent or too few.",
    ),
    (_N.ANCHOR, "passed"): ("检查点已写入链上合约。", "The checkpoint was anchored on chain."),
    (_N.ANCHOR, "failed"): (
        "链上凭据与检查点不一致。",
        "The receipt from the chain does not match the checkpoint.",
    ),
    (_N.ANCHOR, "not_present"): ("没有链上锚定的凭据。", "There is no receipt of an anchor on chain."),
    (_N.CONTRACT, "passed"): (
        "合约地址和代码与信任根一致。",
        "Contract addresses and code are the pinned ones.",
    ),
    (_N.CONTRACT, "failed"): (
        "合约地址或代码与信任根不一致。",
        "A contract's address or code is not the pinned one.",
    ),
    (_N.CONTRACT, "not_present"): ("没有合约凭据。", "There is no evidence about contracts."),
    (_N.BLOCKS, "passed"): ("区块前后衔接，深度足够。", "The blocks link up and are deep enough."),
    (_N.BLOCKS, "failed"): (
        "区块不衔接，或不属于所信任的链。",
        "The blocks do not link up, or are of another chain.",
    ),
    (_N.BLOCKS, "not_present"): ("没有区块凭据，或后续区块不足。", "Blocks are absent, or too few follow."),
    (_N.SEALS, "passed"): ("足够多的验证节点签署了区块。", "Enough validators sealed the blocks."),
    (_N.SEALS, "failed"): (
        "区块签名不是所信任的验证节点作出的。",
        "The seals are not of the trusted validators.",
    ),
    (_N.SEALS, "not_present"): ("区块签名没有或不足。", "Seals of the blocks are absent or too few."),
    (_N.OUTCOME, "passed"): ("链上合约已处理这笔操作。", "The contract has dealt with the operation."),
    (_N.OUTCOME, "failed"): (
        "链上状态与所称的执行结果不一致。",
        "The chain's state does not match the outcome claimed.",
    ),
    (_N.OUTCOME, "not_present"): ("没有执行结果的凭据。", "There is no evidence of an outcome."),
    (_N.STATE, "passed"): ("余额与链上合约一致。", "The balance is the contract's."),
    (_N.STATE, "failed"): ("余额与链上合约不一致。", "The balance is not the contract's."),
    (_N.STATE, "not_present"): ("文件不含余额。", "The file holds no balance."),
    (_N.LOCK, "passed"): ("锁定与链上合约一致。", "The lock is the contract's."),
    (_N.LOCK, "failed"): ("锁定与链上合约不一致。", "The lock is not the contract's."),
    (_N.LOCK, "not_present"): ("文件不含锁定的凭据。", "The file holds no evidence of a lock."),
}

SPECIAL: dict[tuple[StepNumber, str], Words] = {
    (_N.OPERATION, "none"): ("这条记录不含积分操作。", "The record orders no credit operation."),
    (_N.OPERATION, "salt_missing"): (
        "缺少操作盐值，无法核对操作。",
        "Without the operation's salt it cannot be checked.",
    ),
    (_N.OPERATION, "hidden"): (
        "账本中有一笔记录没有写明的操作。",
        "The ledger holds an operation the record conceals.",
    ),
    (_N.COMMITMENT, "salt_missing"): (
        "缺少记录的盐值，无法核对记录内容。",
        "Without the record's salt it cannot be joined to the ledger.",
    ),
    (_N.INCLUSION, "path_missing"): ("文件不含包含证明。", "The file holds no inclusion proof."),
    (_N.INCLUSION, "root_unsigned"): (
        "包含证明得出的根没有账本签名。",
        "The inclusion proof leads to a root the ledger did not sign.",
    ),
    (_N.CHECKPOINT, "root_signed"): (
        "账本自己的密钥签署了这棵树的根。",
        "The ledger's own key signed the root of this tree.",
    ),
    (_N.WITNESSES, "no_place"): (
        "这种文件格式不含见证人联署。",
        "This file format holds no cosignatures of witnesses.",
    ),
    (_N.CHECKPOINT, "unsigned"): (
        "检查点没有账本签名。",
        "The checkpoint carries no signature of the ledger.",
    ),
    (_N.CONTRACT, "no_account_proof"): (
        "缺少合约地址与代码的凭据。",
        "Evidence of a contract's address and code is missing.",
    ),
    (_N.WITNESSES, "none"): ("没有见证人联署。", "No witness cosigned."),
    (_N.ANCHOR, "not_anchored"): ("检查点尚未写入链上合约。", "The checkpoint is not anchored yet."),
    (_N.BLOCKS, "too_shallow"): ("其后的区块还不够多。", "Not enough blocks follow."),
    (_N.SEALS, "unsealed"): ("这条链的区块没有签名。", "Blocks of this chain carry no seals."),
    (_N.OUTCOME, "done"): ("链上合约已执行这笔操作。", "The contract carried out the operation."),
    (_N.OUTCOME, "refused"): ("链上合约拒绝了这笔操作。", "The contract refused the operation."),
    (_N.OUTCOME, "no_account_proof"): (
        "缺少合约的账户凭据，无法核对执行结果。",
        "Without the contract's account proof the outcome cannot be checked.",
    ),
    (_N.STATE, "no_account_proof"): (
        "缺少合约的账户凭据，无法核对余额。",
        "Without the contract's account proof the balance cannot be checked.",
    ),
    (_N.LOCK, "open"): (
        "截至该区块，这笔锁定仍未解除。",
        "At that block the lock is open.",
    ),
    (_N.LOCK, "ended"): (
        "截至该区块，这笔锁定已经结束，没有剩余。",
        "At that block the lock has ended; nothing of it is left.",
    ),
    (_N.LOCK, "unknown"): (
        "截至该区块，链上合约没有这笔锁定。",
        "At that block the contract has no such lock.",
    ),
    (_N.LOCK, "no_account_proof"): (
        "缺少合约的账户凭据，无法核对锁定。",
        "Without the contract's account proof the lock cannot be checked.",
    ),
    (_N.OUTCOME, "not_settled"): (
        "链上合约尚未处理这笔操作。",
        "The contract has not dealt with the operation yet.",
    ),
    (_N.OUTCOME, "no_operation"): (
        "这条记录没有需要执行的操作。",
        "The record has no operation to carry out.",
    ),
}
"""Sentences for a step that ended with this code, in place of the general one; not for failures of a form."""

NOT_REACHED: Words = ("前面的步骤已中止，未核对。", "Not checked, as an earlier step ended the verification.")

REASONS: dict[int, Words] = {
    1: ("操作种类不明", "unknown kind of operation"),
    2: ("已过有效期", "expired"),
    3: ("付出账户未登记", "unknown sender"),
    4: ("接收账户未登记", "unknown receiver"),
    5: ("付出账户被限制", "sender blocked"),
    6: ("接收账户被限制", "receiver blocked"),
    7: ("余额不足", "insufficient balance"),
    8: ("数额不合规定", "bad amount"),
    9: ("超出发行额度", "quota exceeded"),
    10: ("超出每日限额", "daily cap exceeded"),
    11: ("超出持有上限", "holding cap exceeded"),
    12: ("授权签名无效", "bad authorization"),
    13: ("未获批准", "not approved"),
    14: ("找不到锁定", "unknown lock"),
    15: ("原操作不符", "bad original operation"),
    16: ("当事账户不符", "wrong parties"),
    17: ("不属于本账本的账户", "wrong home log"),
    18: ("账户未经恢复", "not recovered"),
    19: ("经会签跳过，未执行", "passed over by co-signature, not executed"),
    20: ("锁定已存在", "lock exists"),
}
"""Why the contract refused, by its numbers (``Reason`` in ``contracts/src/libraries/Ledger.sol``)."""

NOT_PROVED: Words = (
    "未证明：所记录的内容在记录之前就是真实的。",
    "Not proved: that what was recorded was true before it was recorded.",
)

NOBODY_INDEPENDENT: Words = (
    "没有任何独立方为它封存：区块无人签名，也没有独立见证人联署。",
    "Nobody independent has sealed it: no block carries seals and no independent witness cosigned.",
)

AUTHORITIES: dict[str, Words] = {
    "operator": (
        "积分依运营方的授权变动；文件中没有会员本人的签名。",
        "Credits moved on the operator's authority; the file holds no signature of the member.",
    ),
    "device": (
        "运营方记载积分依会员设备的授权变动；文件本身不含该签名。",
        "Credits moved on the authority of the member's device, as the operator recorded; "
        "the file does not hold that signature.",
    ),
    "countersigned": (
        "运营方记载积分依多方会签的授权变动；文件本身不含这些签名。",
        "Credits moved on the authority of co-signers, as the operator recorded; "
        "the file does not hold their signatures.",
    ),
}
NO_MOVE: Words = ("这条记录没有变动任何积分。", "This record moved no credits.")
REFUSED_MOVE: Words = ("操作被拒绝，没有变动任何积分。", "The operation was refused and moved no credits.")
UNSETTLED: Words = ("链上执行尚无凭据。", "Nothing shows yet that the chain carried it out.")
UNKNOWN_AUTHORITY: Words = (
    "未能确认积分依谁的授权变动。",
    "By whose authority credits moved is not established.",
)
