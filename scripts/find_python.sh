# Sourced by the entry points. Prints the first interpreter that is at least Python 3.11 and can make a virtual
# environment; a name on PATH is not enough, so each candidate is asked.
find_python() {
  local candidate
  for candidate in python3.13 python3.12 python3.11 python3 python; do
    if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c '
import sys
if sys.version_info < (3, 11):
    raise SystemExit(1)
import ensurepip, ssl, venv' >/dev/null 2>&1; then
      command -v "$candidate"
      return 0
    fi
  done
  echo "✗ Python 3.11 or newer (with venv) was not found on PATH. Install it, then run this again." >&2
  return 1
}
