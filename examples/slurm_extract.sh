#!/bin/bash
# Slurm: the videos of a workspace in eight shares, each on a machine of its own.
#
#   cd WORKSPACE
#   job=$(sbatch --parsable path/to/slurm_extract.sh --backbone c3d)
#   sbatch --dependency=afterany:$job path/to/slurm_merge.sh
#
# What follows the script's name goes to `aqa extract`. A task that was stopped, or whose node died,
# goes on where it was when it is given again: sbatch --array=3 path/to/slurm_extract.sh ...
#SBATCH --job-name=aqa-extract
#SBATCH --array=1-8
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --gres=gpu:1
#SBATCH --requeue
set -eu
share="$SLURM_ARRAY_TASK_ID/${SHARES:-8}"
store="stores/parts/part-$SLURM_ARRAY_TASK_ID.h5"
mkdir -p stores/parts
aqa extract --shard "$share" --store "$store" --quiet "$@"
