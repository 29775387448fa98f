#!/bin/sh
# Print the path of a Python >= 3.12 that can make a virtual environment; else say what was found and
# what to do, and fail. A candidate counts only if it runs: a shim or a link may exist without a Python.
#
#   PYTHON=/path/to/python   is looked at first
#   FIND_PYTHON_ROOTS        folders searched after PATH, uv and pyenv (a default list is below)

roots=${FIND_PYTHON_ROOTS-"/opt /usr/local /opt/homebrew /home/linuxbrew/.linuxbrew /usr"}
pyenv=${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}
found=""

# One line: "ok <executable>", or "old|novenv <version> <executable>", or nothing where it does not run.
probe() {
    "$1" - 2>/dev/null <<'PY'
import sys
version = ".".join(str(part) for part in sys.version_info[:3])
if sys.version_info < (3, 12):
    print("old %s %s" % (version, sys.executable))
else:
    try:
        import ensurepip
        import venv
    except ImportError:
        print("novenv %s %s" % (version, sys.executable))
    else:
        print("ok %s" % sys.executable)
PY
}

consider() {
    case $1 in
        */*) [ -x "$1" ] && [ ! -d "$1" ] || return 0 ;;
        *) command -v "$1" >/dev/null 2>&1 || return 0 ;;
    esac
    answer=$(probe "$1")
    case $answer in
        "ok "*) echo "${answer#ok }"; exit 0 ;;
        "old "*) line="  ${answer#old }: too old" ;;
        "novenv "*) line="  ${answer#novenv }: without venv or ensurepip" ;;
        *) return 0 ;;
    esac
    case $found in *"$line"*) ;; *) found="$found$line
" ;; esac
}

if [ -n "${PYTHON:-}" ]; then
    consider "$PYTHON"
    echo "find_python: PYTHON=$PYTHON is not a working Python >= 3.12 with venv; looking further" >&2
fi
for name in python3.13 python3.14 python3.12 python3 python; do consider "$name"; done
if command -v uv >/dev/null 2>&1; then
    uv_python=$(uv python find '>=3.12' 2>/dev/null) && consider "$uv_python"
fi
for version in 3.13 3.14 3.12 3; do
    for python in "$pyenv"/versions/$version*/bin/python; do consider "$python"; done
done
for root in $roots; do
    for version in 3.13 3.14 3.12 3; do
        for python in "$root"/bin/python$version "$root"/*/bin/python$version \
            "$root"/opt/python@$version/bin/python$version; do
            consider "$python"
        done
    done
done

{
    echo "find_python: no Python >= 3.12 with venv and ensurepip."
    if [ -n "$found" ]; then
        echo "Found:"
        printf '%s' "$found"
    else
        echo "Found: no Python at all."
    fi
    echo "Looked at: PYTHON, PATH, uv, $pyenv/versions, $roots."
    echo "What to do: install Python 3.13 (uv python install 3.13, pyenv install 3.13, or your system's"
    echo "package; on Debian and Ubuntu also python3-venv), or name one: make PYTHON=/path/to/python3.13 test"
} >&2
exit 1
