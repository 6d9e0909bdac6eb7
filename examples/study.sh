#!/bin/sh
# A whole study, from the features to the tables of a paper, in a folder with manifest.csv and stores/.
set -eu
aqa sweep --head lstm -p lr=1e-3 -p lr=1e-4 -p hidden=64 -p hidden=256 --no-ranges --picture sweep.pdf
aqa fit --head svr
aqa fit --head wd --seeds 5
aqa fit --head lstm --seeds 5 --log tensorboard:curves
aqa eval --by split > results.txt
aqa compare svr wd lstm lstm-sweep > tests.txt
aqa table svr wd lstm lstm-sweep --baselines -o table.tex
aqa table svr wd lstm lstm-sweep --baselines -o table.html
aqa plot forest runs/svr runs/wd~seed* runs/lstm~seed* runs/lstm-sweep -o forest.pdf
