"""Written commentary, and statistics."""

from __future__ import annotations

from aqa.papers.paper import Paper

METHODS = (
    # Written commentary.
    Paper(
        "banerjee2005",
        "Satanjeev Banerjee and Alon Lavie",
        2005,
        "METEOR: An Automatic Metric for MT Evaluation with Improved Correlation with Human "
        "Judgments",
        "ACL Workshop on Intrinsic and Extrinsic Evaluation Measures",
        "METEOR of commentary",
    ),
    Paper(
        "forney1973",
        "G. David Forney",
        1973,
        "The Viterbi Algorithm",
        "Proceedings of the IEEE",
        "which body is the athlete, in aqa poses",
    ),
    Paper(
        "papineni2002",
        "Kishore Papineni, Salim Roukos, Todd Ward and Wei-Jing Zhu",
        2002,
        "BLEU: a Method for Automatic Evaluation of Machine Translation",
        "Annual Meeting of the Association for Computational Linguistics (ACL)",
        "BLEU of commentary",
    ),
    Paper(
        "rublee2011",
        "Ethan Rublee, Vincent Rabaud, Kurt Konolige and Gary Bradski",
        2011,
        "ORB: An Efficient Alternative to SIFT or SURF",
        "IEEE International Conference on Computer Vision (ICCV)",
        "how aqa poses brings frames of a moving camera over each other",
    ),
    Paper(
        "rubner2000",
        "Yossi Rubner, Carlo Tomasi and Leonidas J. Guibas",
        2000,
        "The Earth Mover's Distance as a Metric for Image Retrieval",
        "International Journal of Computer Vision",
        "how far apart two frames are, where a cut is looked for",
    ),
    Paper(
        "vedantam2015",
        "Ramakrishna Vedantam, C. Lawrence Zitnick and Devi Parikh",
        2015,
        "CIDEr: Consensus-based Image Description Evaluation",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)",
        "CIDEr of commentary",
    ),
    Paper(
        "venugopalan2015",
        "Subhashini Venugopalan, Marcus Rohrbach, Jeffrey Donahue, Raymond Mooney, Trevor Darrell "
        "and Kate Saenko",
        2015,
        "Sequence to Sequence - Video to Text",
        "IEEE International Conference on Computer Vision (ICCV)",
        "the recurrent network of head mtl that writes commentary",
    ),
    Paper(
        "paulus2018",
        "Romain Paulus, Caiming Xiong and Richard Socher",
        2018,
        "A Deep Reinforced Model for Abstractive Summarization",
        "International Conference on Learning Representations (ICLR)",
        "no run of words twice in a commentary (mtl's caption_once)",
    ),
    # Statistics.
    Paper(
        "clopper1934",
        "Charles J. Clopper and Egon S. Pearson",
        1934,
        "The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial",
        "Biometrika",
        "the exact intervals of accuracies",
    ),
    Paper(
        "hanley1982",
        "James A. Hanley and Barbara J. McNeil",
        1982,
        "The Meaning and Use of the Area under a Receiver Operating Characteristic (ROC) Curve",
        "Radiology",
        "the variance of ROC-AUC",
    ),
    Paper(
        "holm1979",
        "Sture Holm",
        1979,
        "A Simple Sequentially Rejective Multiple Test Procedure",
        "Scandinavian Journal of Statistics",
        "the adjusted p of aqa compare",
    ),
    Paper(
        "mcnemar1947",
        "Quinn McNemar",
        1947,
        "Note on the Sampling Error of the Difference between Correlated Proportions or "
        "Percentages",
        "Psychometrika",
        "the test of two accuracies in aqa compare",
    ),
    Paper(
        "nadeau2003",
        "Claude Nadeau and Yoshua Bengio",
        2003,
        "Inference for the Generalization Error",
        "Machine Learning",
        "the corrected t test over several splits of aqa compare",
    ),
    Paper(
        "newcombe2006",
        "Robert G. Newcombe",
        2006,
        "Confidence Intervals for an Effect Size Measure Based on the Mann-Whitney Statistic. "
        "Part 2: Asymptotic Methods and Evaluation",
        "Statistics in Medicine",
        "the intervals of ROC-AUC",
    ),
    Paper(
        "phipson2010",
        "Belinda Phipson and Gordon K. Smyth",
        2010,
        "Permutation P-values Should Never Be Zero: Calculating Exact P-values When "
        "Permutations Are Randomly Drawn",
        "Statistical Applications in Genetics and Molecular Biology",
        "the permutation test of aqa compare",
    ),
    Paper(
        "pincus1991",
        "Steven M. Pincus",
        1991,
        "Approximate Entropy as a Measure of System Complexity",
        "Proceedings of the National Academy of Sciences",
        "the approximate entropy of the head pose-apen",
    ),
    Paper(
        "romano2019",
        "Yaniv Romano, Evan Patterson and Emmanuel J. Candes",
        2019,
        "Conformalized Quantile Regression",
        "Advances in Neural Information Processing Systems (NeurIPS)",
        "the ranges of scores of heads that predict a distribution",
    ),
    Paper(
        "vovk2015",
        "Vladimir Vovk",
        2015,
        "Cross-conformal Predictors",
        "Annals of Mathematics and Artificial Intelligence",
        "the ranges of scores, by errors on folds of the training videos",
    ),
    Paper(
        "zou2008",
        "Guang Yong Zou and Allan Donner",
        2008,
        "Construction of Confidence Limits about Effect Measures: A General Approach",
        "Statistics in Medicine",
        "the intervals of balanced accuracies",
    ),
)
