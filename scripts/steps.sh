# For the other scripts: `. scripts/steps.sh`. Goes to the project's root, and says what is done and what is wrong.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {  # fail SENTENCE: what is wrong and what to do about it
    printf '✗ %s\n' "$1" >&2
    exit 1
}

step() {  # step TITLE COMMAND...: one line with the seconds it took; its output only when it fails
    local title=$1 output began seconds
    shift
    output=$(mktemp)
    began=$(date +%s%N)
    if [ -t 1 ]; then printf '… %s\r' "$title"; fi
    if ! "$@" >"$output" 2>&1; then
        cat "$output" >&2
        rm -f "$output"
        fail "$title: failed, the reason stands above."
    fi
    rm -f "$output"
    seconds=$((($(date +%s%N) - began) / 100000000))
    printf '✓ %s (%d.%d s)\n' "$title" $((seconds / 10)) $((seconds % 10))
}

fingerprint() {  # fingerprint FILE...: changes when one of them does
    sha256sum "$@" | sha256sum | cut -d' ' -f1
}

stamped() {  # stamped FILE TEXT: whether FILE holds TEXT, which is how a finished step is remembered
    [ "$(cat "$1" 2>/dev/null)" = "$2" ]
}
