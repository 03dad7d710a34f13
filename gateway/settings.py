"""Everything that can be set from outside: environment ``TONGYI_*``, over it the options of the commands.

Holds values only; beyond the environment nothing is read here but a witness policy's file, for its form.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from chain.errors import FormatError, NotaryError
from gateway.reason_words.validation import validation_reason
from gateway.setting_forms import check_forms

DATA_FOLDER = Path(".tongyi")
"""Folder of a gateway where none is named."""


class SettingRefused(NotaryError):
    """A setting has a value outside its limits: ``name`` is the variable or option, ``reason`` the limit.

    The value itself is not kept: a setting may hold a secret.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class Settings(BaseSettings):
    """One gateway's settings; each name reads from the environment as ``TONGYI_<NAME>``."""

    model_config = SettingsConfigDict(
        env_prefix="TONGYI_", extra="ignore", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    # --- where things are --------------------------------------------------------------------------------
    data: Path = DATA_FOLDER
    """Folder of everything this gateway keeps; one gateway holds its lock."""
    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    chain_url: str | None = None
    """JSON-RPC address of a running chain; without it an embedded one is started."""
    database_url: SecretStr | None = None
    """SQLAlchemy URL; without it SQLite in the data folder."""
    origin: str | None = None
    """Name of the log in signed notes; without it one is made on first start and kept."""

    signers: SecretStr = SecretStr("")
    """Roles whose EVM key is not in the key folder: see ``gateway/signer_places.py``. Secret, since the URL
    of a service may hold credentials."""

    # --- the chain ---------------------------------------------------------------------------------------
    block_time: float = Field(default=1.0, gt=0)
    """Seconds between blocks of the embedded chain."""
    finality_depth: int = Field(default=2, ge=0)
    """Blocks after which a block counts as final; more where the trust root asks for more."""
    validators: str = ""
    """Whose seals a new trust root asks for: ``clique:0x...,0x...`` or ``qbft:0x...``; see
    ``gateway/validators.py``. Without it, nobody's."""
    anchor_interval: float | None = Field(default=None, ge=0)
    """Least seconds between two anchors; 0 anchors as soon as the one before is mined. Without it 0 on the
    embedded chain, 5 on another one."""
    window_leaves: int = Field(default=400, ge=1, le=2000)
    """Leaves in one settlement window at most."""

    # --- the log -----------------------------------------------------------------------------------------
    integrate_interval: float = Field(default=0.5, gt=0, le=1.0)
    """Seconds between checkpoints at most while entries arrive."""

    witness_policy: Path | None = None
    """C2SP policy file: whose cosignatures a checkpoint needs before readers get it. Without it, nobody's."""

    proposal_days: int = Field(default=7, ge=1, le=365)
    """Days for which a proposed operation waits for its officers' approvals."""

    # --- cases -------------------------------------------------------------------------------------------
    due_seconds: float = Field(default=60.0, ge=0)
    """How often the gateway records the steps of cases that are due; 0 leaves it to ``POST /v1/cases/due``.
    A simulated gateway never does it by itself."""

    # --- limits of the HTTP surface ----------------------------------------------------------------------
    body_limit: int = Field(default=128 * 1024, ge=1024)
    """Bytes of one request body; roomy enough that what is nested absurdly is refused for that."""
    verify_limit: int = Field(default=1024 * 1024, ge=1024)
    """Bytes of a bundle handed in for verification."""
    batch_limit: int = Field(default=8 * 1024 * 1024, ge=1024)
    """Bytes of one batch body."""
    batch_line_limit: int = Field(default=128 * 1024, ge=1024)
    """Bytes of one line of a batch."""
    rate_per_second: int = Field(default=5_000, ge=1)
    """Requests a second one key may make."""
    public_rate_per_second: int = Field(default=200, ge=1)
    """Requests a second one address may make without a key."""
    streams_per_key: int = Field(default=8, ge=1)
    """Event streams one key may have open at once."""
    webhooks_per_key: int = Field(default=8, ge=1)
    """Webhooks one key may have."""
    write_queue: int = Field(default=20_000, ge=1)
    """Entries that may wait for the sequencer before writes are refused."""

    # --- delivery ----------------------------------------------------------------------------------------
    webhook_ports: str = "443"
    """Ports of receivers, joined by commas; one without TLS as ``http:8080``, for tests."""
    webhook_egress: str = ""
    """Networks in CIDR form, joined by commas, that receivers may be in beyond public addresses."""
    webhook_timeout: float = Field(default=10.0, gt=0, le=60)
    """Seconds of one attempt, from resolving the name to the end of the answer."""
    webhook_attempts: int = Field(default=10, ge=1, le=100)
    """Attempts after which an event is a dead letter."""

    # --- rehearsals --------------------------------------------------------------------------------------
    simulation_seed: str | None = Field(default=None, min_length=1, max_length=128)
    """Everything random follows from this text, keys too; for rehearsals only, and said everywhere."""
    simulation_start: datetime = datetime(2027, 1, 1, tzinfo=UTC)
    """Where a simulated gateway's clock stands first; it moves by ``POST /v1/simulation/clock`` alone."""

    failpoint: str | None = None
    """``name:mode[:nth]``, for tests: the step at which this process crashes or fails; see
    ``gateway/failpoints.py``. Refused unless the data folder holds a file ``failpoints.allowed``."""

    # --- logs --------------------------------------------------------------------------------------------
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)
    ] = "INFO"


def load_settings(
    data: Path | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    chain_url: str | None = None,
    database_url: str | None = None,
    block_time: float | None = None,
) -> Settings:
    """Return the environment's settings with a command's options over them; None leaves the environment's.

    Raises:
        SettingRefused: a value is outside its limits or of another form; the first one is named.
    """
    options: dict[str, object | None] = {
        "data": data,
        "host": host,
        "port": port,
        "chain_url": chain_url,
        "database_url": None if database_url is None else SecretStr(database_url),
        "block_time": block_time,
    }
    given = {name: value for name, value in options.items() if value is not None}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]
        check_forms(
            chain_url=settings.chain_url,
            origin=settings.origin,
            signers=settings.signers.get_secret_value(),
            validators=settings.validators,
            witness_policy=settings.witness_policy,
            failpoint=settings.failpoint,
            webhook_ports=settings.webhook_ports,
            webhook_egress=settings.webhook_egress,
        )
        return settings
    except FormatError as error:
        name, reason = error.where.removeprefix("TONGYI_").lower(), error.reason
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        name = str(fault["loc"][0]) if fault["loc"] else "settings"
        reason = validation_reason(fault["type"], fault.get("ctx") or {})
    except SettingsError:
        name, reason = "settings", "not accepted"
    shown = "--" + name.replace("_", "-") if name in given else f"TONGYI_{name.upper()}"
    raise SettingRefused(shown, reason)
