#!/bin/bash
# Slurm: puts the parts that slurm_extract.sh has made together into one store, and checks it.
#SBATCH --job-name=aqa-merge
#SBATCH --mem=8G
set -eu
aqa store merge stores/parts/part-*.h5 -o stores/all.h5
aqa store verify stores/all.h5
