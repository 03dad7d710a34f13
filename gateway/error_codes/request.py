"""Codes about a request as such, whatever it is about: its bytes, its key, its caller, its address."""

from __future__ import annotations

from gateway.error_codes.rule import CodeRule

REQUEST_CODES: dict[str, CodeRule] = {
    # --- the body as bytes -------------------------------------------------------------------------------
    "json.malformed": CodeRule(
        400,
        "Not JSON",
        "不是合法的 JSON",
        "The body is not strict JSON: {reason}.",
        "请求体不是严格的 JSON：{reason}。",
    ),
    "json.duplicate_key": CodeRule(
        400,
        "Duplicate key",
        "键重复",
        "An object in the body has the same key twice.",
        "请求体中有对象重复使用同一个键。",
    ),
    "json.too_deep": CodeRule(
        400,
        "Nested too deeply",
        "嵌套过深",
        "The body is nested deeper than {limit} levels.",
        "请求体嵌套超过 {limit} 层。",
    ),
    "json.number": CodeRule(
        400,
        "Number not allowed",
        "数字不被允许",
        "The body holds NaN, an infinity or a number outside the exact range.",
        "请求体含有 NaN、无穷大或超出精确范围的数字。",
    ),
    "body.too_large": CodeRule(
        413,
        "Body too large",
        "请求体过大",
        "The body is larger than {limit} bytes.",
        "请求体超过 {limit} 字节。",
    ),
    "batch.empty": CodeRule(
        422,
        "Empty batch",
        "批次为空",
        "The batch has no line with an entry: send one JSON object a line.",
        "批次中没有任何记录：请每行发送一个 JSON 对象。",
    ),
    "body.media_type": CodeRule(
        415,
        "Media type not accepted",
        "不支持的媒体类型",
        "Send the body as {want}.",
        "请以 {want} 发送请求体。",
    ),
    "body.timeout": CodeRule(
        408, "Body too slow", "请求体过慢", "The body did not arrive in time.", "请求体未在时限内到达。"
    ),
    "http.malformed": CodeRule(
        400,
        "Not HTTP",
        "不是合法的 HTTP 请求",
        "The bytes sent are not an HTTP/1.1 request.",
        "发送的字节不是合法的 HTTP/1.1 请求。",
    ),
    "headers.too_large": CodeRule(
        431,
        "Headers too large",
        "请求头过大",
        "At most {limit} request headers are accepted, of 16 KiB in all with the address.",
        "最多接受 {limit} 个请求头，连同请求地址总长不超过 16 KiB。",
    ),
    # --- idempotency -------------------------------------------------------------------------------------
    "idempotency.missing": CodeRule(
        400,
        "Idempotency-Key missing",
        "缺少 Idempotency-Key",
        'Send the header Idempotency-Key: "<your unique text>" so that a repeat is safe.',
        '请发送请求头 Idempotency-Key: "<唯一文本>"，以便安全重试。',
    ),
    "idempotency.malformed": CodeRule(
        400,
        "Idempotency-Key not accepted",
        "Idempotency-Key 格式错误",
        "The key must be one quoted string of 1 to 255 printable ASCII characters.",
        "该键必须是一个带引号、由 1 至 255 个可打印 ASCII 字符组成的字符串。",
    ),
    "idempotency.key_reused": CodeRule(
        422,
        "Key used with another body",
        "同一个键对应了不同的请求体",
        "This Idempotency-Key was used before with another request body.",
        "此 Idempotency-Key 已用于内容不同的请求。",
    ),
    "key.made_already": CodeRule(
        409,
        "Key made already",
        "密钥已经生成",
        "This Idempotency-Key has made the key {key}, whose secret was shown then and cannot be shown again. "
        "If you do not hold it, revoke that key and ask under another Idempotency-Key.",
        "此 Idempotency-Key 已生成密钥 {key}，其内容仅在当时显示，无法再次显示。"
        "如未保存，请撤销该密钥，并使用另一个 Idempotency-Key 重新申请。",
    ),
    "key.ending": CodeRule(
        409,
        "Key rotated already",
        "密钥已经更换",
        "The key {key} was rotated before and ends by itself. "
        "Rotate the key that follows it, or revoke this one.",
        "密钥 {key} 先前已更换，到时自行失效。请更换接替它的密钥，或撤销此密钥。",
    ),
    # --- who is asking -----------------------------------------------------------------------------------
    "auth.missing": CodeRule(
        401,
        "Key missing",
        "缺少密钥",
        "Send Authorization: Bearer with an API key.",
        "请以 Authorization: Bearer 发送 API 密钥。",
    ),
    "auth.invalid": CodeRule(
        401, "Key not accepted", "密钥无效", "The API key is unknown or revoked.", "API 密钥不存在或已撤销。"
    ),
    "auth.scope": CodeRule(
        403,
        "Scope missing",
        "权限不足",
        "This key does not have the scope {scope}.",
        "此密钥没有 {scope} 权限。",
    ),
    # --- reading -----------------------------------------------------------------------------------------
    "entry.unknown": CodeRule(404, "Unknown entry", "记录不存在", "There is no such entry.", "没有此记录。"),
    "disclosure.unknown": CodeRule(
        422,
        "Unknown private field",
        "未知的私有字段",
        "A field named in disclose is not a private field of this entry.",
        "disclose 中的字段不是此记录的私有字段。",
    ),
    "proof.pending": CodeRule(
        409,
        "Proof not ready",
        "证明尚未就绪",
        "The entry is {state}; its proof is complete when it is {want}.",
        "记录状态为 {state}，达到 {want} 后证明方可生成。",
        retry_after_s=2,
    ),
    "proof.key_replaced": CodeRule(
        409,
        "Signing key was replaced",
        "签署密钥已更换",
        "The key that signed for this record's place was replaced; the receipt can be made as soon as a log "
        "of {size} entries or more is anchored. Bundle and tlog-proof are there now.",
        "为此记录位置签署的密钥已更换；日志满 {size} 条并锚定后即可生成该收据。"
        "证明文件与 tlog-proof 现在即可取得。",
        retry_after_s=2,
    ),
    "not_found": CodeRule(404, "Not found", "未找到", "There is nothing here.", "此地址没有内容。"),
    "method.not_allowed": CodeRule(
        405,
        "Method not allowed",
        "方法不被允许",
        "This address does not accept the method.",
        "此地址不接受该方法。",
    ),
    "query.invalid": CodeRule(
        400,
        "Query not accepted",
        "查询参数错误",
        "The parameter {field} is not accepted: {reason}.",
        "参数 {field} 不合规：{reason}。",
    ),
    "rate.limited": CodeRule(
        429,
        "Too many requests",
        "请求过多",
        "More than {limit} requests; wait {retry_after_s} s.",
        "请求超过 {limit} 次，请等待 {retry_after_s} 秒。",
        retry_after_s=1,
    ),
    "streams.limited": CodeRule(
        429,
        "Too many streams",
        "事件流过多",
        "This key has {limit} event streams open, the most it may have at once.",
        "此密钥已打开 {limit} 个事件流，达到同时打开的上限。",
        retry_after_s=5,
    ),
    # --- the gateway itself ------------------------------------------------------------------------------
    "ledger.read_only": CodeRule(
        503,
        "Ledger is read-only",
        "账本只读",
        "The ledger takes no writes at present: {reason}.",
        "账本目前不接受写入：{reason}。",
        retry_after_s=30,
    ),
    "log.damaged": CodeRule(
        503,
        "Stored data are damaged",
        "所存数据已损坏",
        "What is stored here is not what the log signed, so it is not given out.",
        "此处所存内容与日志已签名的内容不符，因此不予提供。",
    ),
    "ledger.busy": CodeRule(
        503,
        "Ledger is busy",
        "账本繁忙",
        "Too many writes are waiting.",
        "等待写入的请求过多。",
        retry_after_s=1,
    ),
    "ledger.unconfirmed": CodeRule(
        503,
        "Not confirmed in time",
        "未及时确认",
        "The entry was handed over and its recording is not confirmed yet. Repeat the request with the same "
        "key: it will not be recorded twice.",
        "记录已提交，但尚未确认写入。请使用相同的键重试，不会重复记录。",
        retry_after_s=5,
    ),
    "storage.full": CodeRule(
        507,
        "Storage full",
        "存储已满",
        "There is no room to store the entry.",
        "没有空间保存记录。",
        retry_after_s=60,
    ),
    "storage.unavailable": CodeRule(
        503,
        "Database unavailable",
        "数据库不可用",
        "The database does not answer at present. Repeat the request with the same key.",
        "数据库目前没有应答。请使用相同的键重试。",
        retry_after_s=1,
    ),
    "not_ready": CodeRule(
        503,
        "Not ready",
        "尚未就绪",
        "These checks fail: {checks}.",
        "以下检查未通过：{checks}。",
        retry_after_s=2,
    ),
    "chain.unavailable": CodeRule(
        503,
        "Chain node unavailable",
        "链节点不可用",
        "The chain's node does not answer at present.",
        "链节点目前没有应答。",
        retry_after_s=5,
    ),
    "internal": CodeRule(
        500,
        "Internal error",
        "内部错误",
        "The gateway failed; the trace id finds the cause in its log.",
        "网关出错；可凭 trace id 在日志中查找原因。",
    ),
}
"""Refusals that need no look at any entry, account or amount, and those of the gateway itself."""
