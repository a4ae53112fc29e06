# shellcheck shell=bash
# What differs from site to site, for every job file in this folder. Edit it once; or leave it as it is and export
# the variables before you submit, since LSF and Slurm hand your environment on to the job, and PBS does for -V.

# Modules to load, for example "SpectrumMPI" or "OpenMPI/4.1.4 cuda/11.8"; none: empty.
: "${MPINEAT_MODULES=SpectrumMPI}"

# Where conda is installed, and the environment with mpineat in it; no conda: empty.
: "${MPINEAT_CONDA=$HOME/miniconda3}"
: "${MPINEAT_CONDA_ENV=mpineat}"

# The interpreter, and how the site starts MPI programs. Without "--bind-to none" Open MPI and Spectrum MPI tie each
# rank to one core, and TensorFlow's input pipeline with it.
: "${MPINEAT_PYTHON=python}"
: "${MPINEAT_MPIRUN=mpirun --bind-to none}"

# The folder with the data sets: mnist, cifar10, cifar100, tiny_imagenet. Fetch them on the login node, since compute
# nodes often have no network: python -m mpineat data cifar10 $HOME/_scratch/data/cifar10
: "${MPINEAT_DATA=$HOME/_scratch/data}"

# GPFS, Lustre and NFS mounted without locks make HDF5 fail to open a file; nothing here needs its locks.
export HDF5_USE_FILE_LOCKING=FALSE
# A worker rank starts a child process; with InfiniBand that is safe only if libibverbs is told so.
export IBV_FORK_SAFE=1

load_environment() {
  local name
  for name in $MPINEAT_MODULES; do
    module load "$name" || exit 2
  done
  if [ -n "$MPINEAT_CONDA" ]; then
    # shellcheck source=/dev/null
    source "$MPINEAT_CONDA/etc/profile.d/conda.sh" && conda activate "$MPINEAT_CONDA_ENV" || exit 2
  fi
}
