#!/bin/bash
# The final training of the winner of %{run_dir}, and the model that it gives:
# %{places}.
#
#   %{submit}
#
# Stopped, killed or out of time: submit the same line again and the training goes on where it was. Modules, conda and
# the interpreter are set in %{folder}/site.sh.

%{header}

source %{folder}/site.sh
source %{folder}/search.sh
load_environment
%{requeue}
run_dir=${MPINEAT_RUN_DIR:-%{run_dir}}
output=${MPINEAT_OUTPUT:-$run_dir.keras}
# Several GPUs of this node train together where the lines above ask for them: MPINEAT_EXPORT_OPTIONS="--gpus N".
read -ra options <<<"${MPINEAT_EXPORT_OPTIONS:-}"

run_export "$run_dir" "$output" "${options[@]}"
