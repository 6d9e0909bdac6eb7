#!/bin/bash
# Slurm: puts the parts that slurm_extract.sh has made together into one store, and checks it.
#
# It fails where a share has no part, or where videos are missing. Give those tasks again, and then
# this one; or merge what there is: sbatch path/to/slurm_merge.sh --partial
#SBATCH --job-name=aqa-merge
#SBATCH --mem=8G
set -eu
aqa store merge stores/parts/part-*.h5 -o stores/all.h5 "$@"
aqa store verify stores/all.h5
