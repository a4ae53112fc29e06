#!/usr/bin/env bash
# Try mpineat without TensorFlow on an emulated POWER8: searches by formula, whose histories must equal this
# machine's, then the tests that need no TensorFlow.
#     tools/check_power.sh [FOLDER] [TEST...]     FOLDER keeps the emulated Debian; default .power
# PYTHON names an interpreter that has mpineat's dependencies, QEMU the emulator.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(realpath -m "${1:-.power}")
python=${PYTHON:-python3}
qemu=${QEMU:-$(command -v qemu-ppc64le-static || command -v qemu-ppc64le || true)}
binfmt=/proc/sys/fs/binfmt_misc
seeds=(0 1 2 3)
shift || true
tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(tests --ignore=tests/jobs --ignore=tests/tools)

skip() {
    echo "skipped: $1"
    exit 0
}
[ "$(id -u)" = 0 ] || skip "debootstrap and chroot need root"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
[ -n "$qemu" ] || skip "no qemu-ppc64le (Debian: qemu-user)"
version=$("$qemu" --version | sed -n '1s/.*version \([0-9]*\).*/\1/p')
# 7.2 dies of an instruction that a real POWER8 runs.
[ "$version" -ge 10 ] || skip "$qemu is version $version; 10 or newer is needed"
"$python" -c "import mpineat.cli.main" || skip "$python lacks dependencies of mpineat; set PYTHON"
[ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt 2>/dev/null ||
    skip "this kernel registers no foreign binaries (binfmt_misc)"

# The newest entry wins; flag F opens the emulator now, so that it is found from inside of chroot.
zeros=$(printf '\\x00%.0s' {1..8})
ones=$(printf '\\xff%.0s' {1..8})
magic="\\x7fELF\\x02\\x01\\x01\\x00$zeros\\x02\\x00\\x15\\x00"
mask="\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfc$ones\\xfe\\xff\\xff\\x00"
[ ! -e $binfmt/mpineat-power ] || echo -1 >$binfmt/mpineat-power
printf '%s' ":mpineat-power:M::$magic:$mask:$(realpath "$qemu"):F" >$binfmt/register
trap 'echo -1 >$binfmt/mpineat-power' EXIT
export QEMU_CPU=power8

if [ ! -d "$folder/packages/pydantic" ]; then
    debootstrap --arch=ppc64el --variant=minbase \
        --include=python3-numpy,python3-h5py,python3-yaml,python3-mpi4py,python3-matplotlib,python3-jinja2,python3-pil,openmpi-bin \
        bookworm "$folder" >"$folder.log" || { tail "$folder.log"; exit 1; }
    "$python" -m pip install -q --target "$folder/packages" --only-binary :all: --python-version 3.11 \
        --platform manylinux2014_ppc64le --platform manylinux_2_17_ppc64le \
        "pydantic>=2.5" pytest pytest-timeout hypothesis
fi
rm -rf "$folder/mpineat"
mkdir "$folder/mpineat"
{ git ls-files && git ls-files --others --exclude-standard; } |
    tar --create --files-from=- | tar --extract --directory="$folder/mpineat"

emulated() {
    # The mounts end with the namespace.
    # shellcheck disable=SC2016  # expanded by the inner shell
    unshare --mount bash -c '
        mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/dev/shm"
        exec chroot "$0" env -i PATH=/usr/bin:/bin HOME=/root LC_ALL=C.UTF-8 QEMU_CPU=power8 \
            PYTHONPATH=/packages OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
            OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl_vader_single_copy_mechanism=none bash -c "cd /mpineat && $1"' "$folder" "$*"
}

emulated 'python3 -c "
import platform, h5py, mpi4py, numpy, pydantic
print(platform.machine(), \"Python\", platform.python_version(), \"numpy\", numpy.__version__, \"h5py\",
      h5py.__version__, \"pydantic\", pydantic.VERSION, \"mpi4py\", mpi4py.__version__)"'

here=$(mktemp -d)
run="-m mpineat run configs/digits.yaml"
formula="farm.evaluator=dry_run"
# shellcheck disable=SC2086  # lists of words
for seed in "${seeds[@]}"; do
    for kind in plain evolve_training random; do
        case $kind in
            plain) options="" ;;
            evolve_training) options="evolution.evolve_training=true" ;;
            random) options="evolution.strategy=random" ;;
        esac
        options="run.seed=$seed $formula $options"
        "$python" $run "$here/$kind-$seed" $options >/dev/null
        emulated "mkdir -p runs && python3 $run runs/$kind-$seed $options >/dev/null"
    done
    emulated "mpirun -np 3 python3 $run runs/ranks-$seed run.seed=$seed $formula >/dev/null"
    cp -r "$here/plain-$seed" "$here/ranks-$seed"
done

"$python" - "$here" "$folder/mpineat/runs" <<'END'
import sys
from pathlib import Path

import numpy as np

import mpineat

here, there = map(Path, sys.argv[1:])
place_and_time = {"started", "rank", "host", "device", "attempts"}
differ = 0
for folder in sorted(here.iterdir()):
    ours, theirs = mpineat.open_run(folder), mpineat.open_run(there / folder.name)
    mine, other = ours.columns(), theirs.columns()
    names = [n for n in mine if n not in place_and_time and not n.startswith("seconds_")]
    unequal = [n for n in names if not np.array_equal(mine[n], other[n], equal_nan=mine[n].dtype.kind == "f")]
    if [g.state for g in ours.generations] != [g.state for g in theirs.generations]:
        unequal.append("populations")
    differ += bool(unequal)
    print(f"{folder.name}: {len(mine['id'])} candidates, {len(names)} columns and the populations of",
          f"{len(ours.generations)} generations compared; unequal: {', '.join(unequal) or 'none'}")
print(f"{differ} runs differ")
sys.exit(differ > 0)
END
rm -rf "$here"

emulated "python3 -m pytest -q -p no:cacheprovider --timeout=0 ${tests[*]}"
