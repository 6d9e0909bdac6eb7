#!/usr/bin/env bash
# What a GPU gives, within ten minutes on a bare machine with one card and without a network.
#
#     benchmarks/gpu.sh OUT VIDEO [WHEELS]
#
# OUT: folder for rows.jsonl, pytest.txt and log.txt; rows come one by one, so that a limit loses
# none. VIDEO: such as 054.avi. WHEELS: a folder of wheels of what the machine lacks (PyAV, nltk).
# PYTHON, DEVICE and QUICK=1 may be set. Each section is a process with a budget of its own, in
# seconds; it measures nothing more once that is used up, and is ended 20 seconds later.
set -u
out=$(realpath -m "$1") video=$(realpath "$2") wheels=${3:-}
python=${PYTHON:-python3} device=${DEVICE:-cuda}
root=$(cd "$(dirname "$0")/.." && pwd)
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
mkdir -p "$out"
ln -s "$root" "$made/aqa"
if [ -n "$wheels" ]; then
    "$python" -m pip install -q --no-index --no-deps --no-compile --target "$made/site" \
        "$wheels"/*.whl || exit 1
fi
export PYTHONPATH=$made:$made/site${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
cd "$root" || exit 1
status=0
for section in a:120 b:210 c:70 d:60 e:40; do
    name=${section%:*} budget=${section#*:}
    timeout $((budget + 20)) "$python" -m aqa.benchmarks.gpu "$name" --out "$out" --video "$video" \
        --device "$device" --budget "$budget" ${QUICK:+--quick} 2>&1 | tee -a "$out/log.txt"
    code=${PIPESTATUS[0]}
    [ "$code" = 0 ] || { echo "section $name: exit code $code" | tee -a "$out/log.txt"; status=1; }
done
exit $status
