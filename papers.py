"""The works that the code, the help and the documents cite, by key: `jain2020 §III-C`.

A key is the first author's family name and the year, and a word of the title where that is not
enough to tell two works apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Paper:
    """One cited work. note: what this project takes from it."""

    key: str
    authors: str
    year: int
    title: str
    venue: str
    note: str

    def __str__(self) -> str:
        end = "" if self.title.endswith("?") else "."
        return f"{self.authors}. {self.title}{end} {self.venue}, {self.year}."


_PAPERS = (
    # The five papers whose systems and tables this project rebuilds.
    Paper(
        "jain2020",
        "Hiteshi Jain, Gaurav Harit and Avinash Sharma",
        2020,
        "Action Quality Assessment using Siamese Network-Based Deep Metric Learning",
        "IEEE Transactions on Circuits and Systems for Video Technology",
        "heads siamese, score-estimation and type-lstm; feedback; embeddings",
    ),
    Paper(
        "li2018end",
        "Yongjun Li, Xiujuan Chai and Xilin Chen",
        2018,
        "End-To-End Learning for Action Quality Assessment",
        "Pacific Rim Conference on Multimedia (PCM)",
        "head fragments; the ranking loss",
    ),
    Paper(
        "li2018scoringnet",
        "Yongjun Li, Xiujuan Chai and Xilin Chen",
        2018,
        "ScoringNet: Learning Key Fragment for Action Quality Assessment with Ranking Loss "
        "in Skilled Sports",
        "Asian Conference on Computer Vision (ACCV)",
        "heads kfs and scoringnet",
    ),
    Paper(
        "farabi2021",
        "Shafkat Farabi, Hasibul Himel, Fakhruddin Gazzali, Md. Bakhtiar Hasan, "
        "Md. Hasanul Kabir and Moshiur Farazi",
        2021,
        "Improving Action Quality Assessment Using Weighted Aggregation",
        "arXiv preprint",
        "heads average and wd; fine-tuning end to end",
    ),
    Paper(
        "parmar2019action",
        "Paritosh Parmar and Brendan Tran Morris",
        2019,
        "Action Quality Assessment Across Multiple Actions",
        "IEEE Winter Conference on Applications of Computer Vision (WACV)",
        "heads lstm and svr; dataset AQA-7; transfer between actions",
    ),
    # Other systems and datasets of action quality assessment.
    Paper(
        "capecci2019",
        "Marianna Capecci, Maria Gabriella Ceravolo, Francesco Ferracuti, Sabrina Iarlori, "
        "Andrea Monteriù, Luca Romeo and Federica Verdini",
        2019,
        "The KIMORE Dataset: KInematic Assessment of MOvement and Clinical Scores for Remote "
        "Monitoring of Physical REhabilitation",
        "IEEE Transactions on Neural Systems and Rehabilitation Engineering",
        "dataset KIMORE",
    ),
    Paper(
        "chen2020",
        "Steven Chen and Richard R. Yang",
        2020,
        "Pose Trainer: Correcting Exercise Posture using Pose Estimation",
        "arXiv preprint 2006.11718",
        "dataset of Pose Trainer",
    ),
    Paper(
        "doughty2018",
        "Hazel Doughty, Dima Damen and Walterio Mayol-Cuevas",
        2018,
        "Who's Better? Who's Best? Pairwise Deep Ranking for Skill Determination",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)",
        "the loss pair-margin; dataset EPIC-Skills",
    ),
    Paper(
        "doughty2019",
        "Hazel Doughty, Walterio Mayol-Cuevas and Dima Damen",
        2019,
        "The Pros and Cons: Rank-aware Temporal Attention for Skill Determination in Long Videos",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)",
        "the margin of the loss pair-margin; dataset BEST",
    ),
    Paper(
        "gao2014",
        "Yixin Gao, S. Swaroop Vedula, Carol E. Reiley, Narges Ahmidi, Balakrishnan Varadarajan, "
        "Henry C. Lin, Lingling Tao, Luca Zappella, Benjamín Béjar, David D. Yuh, "
        "Chi Chiung Grace Chen, René Vidal, Sanjeev Khudanpur and Gregory D. Hager",
        2014,
        "JHU-ISI Gesture and Skill Assessment Working Set (JIGSAWS): A Surgical Activity Dataset "
        "for Human Motion Modeling",
        "MICCAI Workshop: Modeling and Monitoring of Computer Assisted Interventions (M2CAI)",
        "dataset JIGSAWS",
    ),
    Paper(
        "parmar2017",
        "Paritosh Parmar and Brendan Tran Morris",
        2017,
        "Learning to Score Olympic Events",
        "CVPR Workshops",
        "head lstm-svr; datasets UNLV-Dive and UNLV-Vault",
    ),
    Paper(
        "parmar2019what",
        "Paritosh Parmar and Brendan Tran Morris",
        2019,
        "What and How Well You Performed? A Multitask Learning Approach to "
        "Action Quality Assessment",
        "IEEE Conference on Computer Vision and Pattern Recognition (CVPR)",
        "head mtl; backbone mscadc; dataset MTL-AQA",
    ),
    Paper(
        "pirsiavash2014",
        "Hamed Pirsiavash, Carl Vondrick and Antonio Torralba",
        2014,
        "Assessing the Quality of Actions",
        "European Conference on Computer Vision (ECCV)",
        "heads pose-dct and pose-dft; dataset MIT-Diving",
    ),
    Paper(
        "tang2020",
        "Yansong Tang, Zanlin Ni, Jiahuan Zhou, Danyang Zhang, Jiwen Lu, Ying Wu and Jie Zhou",
        2020,
        "Uncertainty-aware Score Distribution Learning for Action Quality Assessment",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)",
        "heads usdl and musdl",
    ),
    Paper(
        "vakanski2018",
        "Aleksandar Vakanski, Hyung-pil Jun, David Paul and Russell Baker",
        2018,
        "A Data Set of Human Body Movements for Physical Rehabilitation Exercises",
        "Data",
        "dataset UI-PRMD",
    ),
    Paper(
        "venkataraman2015",
        "Vinay Venkataraman, Ioannis Vlachos and Pavan Turaga",
        2015,
        "Dynamical Regularity for Action Analysis",
        "British Machine Vision Conference (BMVC)",
        "head pose-apen",
    ),
    Paper(
        "xia2023",
        "Jingfei Xia, Mingchen Zhuge, Tiantian Geng, Shun Fan, Yuantai Wei, Zhenyu He "
        "and Feng Zheng",
        2023,
        "Skating-Mixer: Long-Term Sport Audio-Visual Modeling with MLPs",
        "AAAI Conference on Artificial Intelligence",
        "dataset FS1000",
    ),
    Paper(
        "xiang2018",
        "Xiang Xiang, Ye Tian, Austin Reiter, Gregory D. Hager and Trac D. Tran",
        2018,
        "S3D: Stacking Segmental P3D for Action Quality Assessment",
        "IEEE International Conference on Image Processing (ICIP)",
        "head s3d",
    ),
    Paper(
        "xu2019",
        "Chengming Xu, Yanwei Fu, Bing Zhang, Zitian Chen, Yu-Gang Jiang and Xiangyang Xue",
        2019,
        "Learning to Score Figure Skating Sport Videos",
        "IEEE Transactions on Circuits and Systems for Video Technology",
        "dataset Fis-V",
    ),
    Paper(
        "xu2022finediving",
        "Jinglin Xu, Yongming Rao, Xumin Yu, Guangyi Chen, Jie Zhou and Jiwen Lu",
        2022,
        "FineDiving: A Fine-grained Dataset for Procedure-aware Action Quality Assessment",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)",
        "dataset FineDiving",
    ),
    Paper(
        "xu2022likert",
        "Angchi Xu, Ling-An Zeng and Wei-Shi Zheng",
        2022,
        "Likert Scoring with Grade Decoupling for Long-term Action Assessment",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)",
        "head gdlt",
    ),
    Paper(
        "yu2021",
        "Xumin Yu, Yongming Rao, Wenliang Zhao, Jiwen Lu and Jie Zhou",
        2021,
        "Group-aware Contrastive Regression for Action Quality Assessment",
        "IEEE/CVF International Conference on Computer Vision (ICCV)",
        "head core; the metric R-l2",
    ),
    Paper(
        "zeng2020",
        "Ling-An Zeng, Fa-Ting Hong, Wei-Shi Zheng, Qi-Zhi Yu, Wei Zeng, Yao-Wei Wang "
        "and Jian-Huang Lai",
        2020,
        "Hybrid Dynamic-static Context-aware Attention Network for Action Assessment in "
        "Long Videos",
        "ACM International Conference on Multimedia",
        "dataset Rhythmic Gymnastics",
    ),
    Paper(
        "zhang2023",
        "Shiyi Zhang, Wenxun Dai, Sujia Wang, Xiangwei Shen, Jiwen Lu, Jie Zhou and Yansong Tang",
        2023,
        "LOGO: A Long-Form Video Dataset for Group Action Quality Assessment",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)",
        "dataset LOGO",
    ),
    # Networks.
    Paper(
        "carreira2017",
        "Joao Carreira and Andrew Zisserman",
        2017,
        "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset",
        "IEEE Conference on Computer Vision and Pattern Recognition (CVPR)",
        "backbone i3d",
    ),
    Paper(
        "ghadiyaram2019",
        "Deepti Ghadiyaram, Du Tran and Dhruv Mahajan",
        2019,
        "Large-scale Weakly-supervised Pre-training for Video Action Recognition",
        "IEEE Conference on Computer Vision and Pattern Recognition (CVPR)",
        "backbone r2plus1d-34-ig65m",
    ),
    Paper(
        "hara2018",
        "Kensho Hara, Hirokatsu Kataoka and Yutaka Satoh",
        2018,
        "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?",
        "IEEE Conference on Computer Vision and Pattern Recognition (CVPR)",
        "backbones r3d-18 to r3d-101 and r2plus1d-18 to r2plus1d-50",
    ),
    Paper(
        "he2016",
        "Kaiming He, Xiangyu Zhang, Shaoqing Ren and Jian Sun",
        2016,
        "Deep Residual Learning for Image Recognition",
        "IEEE Conference on Computer Vision and Pattern Recognition (CVPR)",
        "the blocks of the residual networks",
    ),
    Paper(
        "kataoka2020",
        "Hirokatsu Kataoka, Tenga Wakamiya, Kensho Hara and Yutaka Satoh",
        2020,
        "Would Mega-scale Datasets Further Enhance Spatiotemporal 3D CNNs?",
        "arXiv preprint 2004.04968",
        "the weights of the backbones r3d-* and r2plus1d-*",
    ),
    Paper(
        "le2011",
        "Quoc V. Le, Will Y. Zou, Serena Y. Yeung and Andrew Y. Ng",
        2011,
        "Learning Hierarchical Invariant Spatio-temporal Features for Action Recognition "
        "with Independent Subspace Analysis",
        "IEEE Conference on Computer Vision and Pattern Recognition (CVPR)",
        "backbone isa",
    ),
    Paper(
        "qiu2017",
        "Zhaofan Qiu, Ting Yao and Tao Mei",
        2017,
        "Learning Spatio-Temporal Representation with Pseudo-3D Residual Networks",
        "IEEE International Conference on Computer Vision (ICCV)",
        "backbone p3d-199",
    ),
    Paper(
        "tran2015",
        "Du Tran, Lubomir Bourdev, Rob Fergus, Lorenzo Torresani and Manohar Paluri",
        2015,
        "Learning Spatiotemporal Features with 3D Convolutional Networks",
        "IEEE International Conference on Computer Vision (ICCV)",
        "backbone c3d",
    ),
    Paper(
        "tran2018",
        "Du Tran, Heng Wang, Lorenzo Torresani, Jamie Ray, Yann LeCun and Manohar Paluri",
        2018,
        "A Closer Look at Spatiotemporal Convolutions for Action Recognition",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)",
        "backbones r3d-18-tv, mc3-18-tv and r2plus1d-18-tv; the (2+1)D convolution",
    ),
    Paper(
        "yu2016",
        "Fisher Yu and Vladlen Koltun",
        2016,
        "Multi-Scale Context Aggregation by Dilated Convolutions",
        "International Conference on Learning Representations (ICLR)",
        "the context network of backbone mscadc",
    ),
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
        "papineni2002",
        "Kishore Papineni, Salim Roukos, Todd Ward and Wei-Jing Zhu",
        2002,
        "BLEU: a Method for Automatic Evaluation of Machine Translation",
        "Annual Meeting of the Association for Computational Linguistics (ACL)",
        "BLEU of commentary",
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
        "zou2008",
        "Guang Yong Zou and Allan Donner",
        2008,
        "Construction of Confidence Limits about Effect Measures: A General Approach",
        "Statistics in Medicine",
        "the intervals of balanced accuracies",
    ),
)
PAPERS: Mapping[str, Paper] = MappingProxyType({paper.key: paper for paper in _PAPERS})
"""Key -> work, the five papers that this project rebuilds first."""

KEY = re.compile(r"\b[a-z]{2,}(?:19|20)\d\d[a-z]*\b")
"""What a key looks like; not everything that looks like one is one."""


def cited(*texts: str) -> list[Paper]:
    """The works whose keys stand in texts, in the order of `PAPERS`; unknown keys are left out."""
    keys = {key for text in texts for key in KEY.findall(text)}
    return [paper for key, paper in PAPERS.items() if key in keys]
