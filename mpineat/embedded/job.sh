#!/bin/bash
# A search with %{config}:
# %{places}, %{ranks} ranks. Rank 0 selects and breeds, the others train.
#
#   %{submit}
#   python -m mpineat status %{run_dir}
#
# Stopped, killed or out of time: submit the same line again and the search goes on where it was. Modules, conda, mpirun
# and the folder of the data are set in %{folder}/site.sh.

%{header}

source %{folder}/site.sh
source %{folder}/search.sh
load_environment
%{requeue}
config=${MPINEAT_CONFIG:-%{config}}
run_dir=${MPINEAT_RUN_DIR:-%{run_dir}}
ranks=${MPINEAT_RANKS:-%{ranks}}
%{nodes}read -ra options <<<"${MPINEAT_OPTIONS:-}"

run_search "$ranks" "$config" "$run_dir" %{options}"${options[@]}"
