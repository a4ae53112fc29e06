# shellcheck shell=bash
# How every job file in this folder runs a search: environment, check of the data, mpirun, warning, requeue; and how it
# runs a final training, `mpineat export`.

# run_search RANKS CONFIG RUN_DIR [key=value ...] - start or continue a search and end the job with its exit code:
# 0 finished, 75 stopped in time (the batch system should queue the job again), 2 wrong input, 1 failed.
run_search() {
  local ranks=$1 config=$2 run_dir=$3
  shift 3
  [ -n "$run_dir" ] || exit 2 # what should have named it has said why

  # A missing file is found in a second here, by one process, and not after a night in the queue by a hundred.
  "$MPINEAT_PYTHON" -m mpineat check "$config" "$@" || exit

  # shellcheck disable=SC2046,SC2086  # several words on purpose
  run_in_time mpirun "$(stop_signal)" $MPINEAT_MPIRUN $(spread) -np "$ranks" \
    "$MPINEAT_PYTHON" -m mpineat run "$config" "$run_dir" "$@" --resume
}

# run_export RUN_DIR OUTPUT [word ...] - start or continue the final training of a run's winner, with words for `mpineat
# export`, and end the job with its exit code, as run_search. It is one process and needs no mpirun.
run_export() {
  local run_dir=$1 output=$2
  shift 2
  run_in_time mpineat TERM "$MPINEAT_PYTHON" -m mpineat export "$run_dir" "$@" -o "$output" --resume
}

# run_in_time NAME SIGNAL COMMAND ... - run the command, hand warnings on to it as this signal, queue the job again after
# exit code 75, and end the job.
run_in_time() {
  local name=$1 signal=$2 launcher status cancelled=
  shift 2

  # The launcher starts with the warning signal ignored: the batch system may send it to every process of the job, and
  # MPICH's mpirun would die of it. Open MPI and Spectrum MPI set their own handler, which passes it on to the ranks.
  (
    trap '' USR1 USR2
    exec "$@"
  ) &
  launcher=$!

  # Without a trap the warning would end this script. bash runs a trap only between commands, and interrupts `wait`
  # for it; hence the loop: wait until the launcher has really ended. TERM and INT come from bkill and scancel.
  trap 'stop_in_time "$signal" "$launcher" "$name"' USR1 USR2
  trap 'cancelled=yes; stop_in_time "$signal" "$launcher" "$name"' TERM INT
  while kill -0 "$launcher" 2>/dev/null; do
    wait "$launcher"
  done
  wait "$launcher"
  status=$?
  trap - USR1 USR2 TERM INT

  if [ "$status" -eq 75 ]; then
    [ -z "$cancelled" ] || exit 143 # whoever cancelled the job does not want it back in the queue
    requeue || echo "not put back into the queue: submit the job again" >&2
  fi
  exit "$status"
}

# stop_signal - print the signal that this mpirun passes on to its ranks: USR2 under Open MPI and Spectrum MPI, where TERM
# would kill the ranks; TERM under MPICH and Intel MPI, which keep USR2 to themselves.
stop_signal() {
  # shellcheck disable=SC2086  # several words on purpose
  case $($MPINEAT_MPIRUN --version 2>&1) in
    *HYDRA* | *MPICH* | *"Intel(R) MPI"*) echo TERM ;;
    *) echo USR2 ;;
  esac
}

# stop_in_time SIGNAL PID NAME - tell the program to stop in time: it finishes what is nearly done, saves it, and exits
# with 75.
stop_in_time() {
  echo "$(date '+%F %T')  asked to stop: sending $1 to $3"
  kill -s "$1" "$2" 2>/dev/null
}

# spread - print mpirun's option for a job of several nodes: a rank on each node in turn, whatever slots it has, so that
# every node gets as many workers as it has GPUs, and the first one rank 0 too.
spread() {
  [ "${nodes:-1}" -gt 1 ] || return 0
  # shellcheck disable=SC2086  # several words on purpose
  case $($MPINEAT_MPIRUN --version 2>&1) in
    *HYDRA* | *MPICH* | *"Intel(R) MPI"*) echo "-ppn 1" ;;
    *) echo "--map-by node" ;;
  esac
}

# requeue - put the job back into the queue. A job file has one of its own where the batch system does not do it by itself
# for exit code 75.
requeue() { :; }
