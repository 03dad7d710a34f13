"""The same gateway on PostgreSQL: one operation to its proof, and a restart."""

from __future__ import annotations

from pathlib import Path

from chain.verify import verify_bundle
from tests.databases import fresh_postgres
from tests.integration.serving import Serving


def test_a_record_becomes_a_proof_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    with fresh_postgres(postgres_url) as url:
        gateway = Serving(tmp_path / "data", ("--database-url", url)).start()
        try:
            chapter = "3104-0001"
            pool = gateway.open_chapter(chapter)
            member = gateway.join(chapter, private={"name": "王五"})
            operation = {"kind": "transfer", "from": pool, "to": member, "amount": "300"}
            body = {
                "type": "credit.transferred",
                "chapter": chapter,
                "op": operation,
                "private": {"why": "birthday"},
            }
            entry = gateway.made("/v1/entries", body)
            bundle = gateway.proof(entry["id"], "?disclose=why")
            verdict = verify_bundle(bundle, Path(gateway.ready["trust_root"]).read_bytes())
            assert (verdict.outcome, verdict.facts.disclosed) == ("pass", ("why",))
            assert gateway.stop() == 0
            gateway.start()
            assert gateway.client.get(f"/v1/accounts/{member}/balance").json()["balance"] == "300"
            assert gateway.wait_state(entry["id"], "final")["outcome"]["moved"] == "300"
            assert not (tmp_path / "data" / "gateway.sqlite3").exists()
        finally:
            assert gateway.stop() == 0
