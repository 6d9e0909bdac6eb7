"""Systems and datasets of action quality assessment."""

from __future__ import annotations

from aqa.papers.paper import Paper

ASSESSMENT = (
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
        "bai2022",
        "Yang Bai, Desen Zhou, Songyang Zhang, Jian Wang, Errui Ding, Yu Guan, Yang Long "
        "and Jingdong Wang",
        2022,
        "Action Quality Assessment with Temporal Parsing Transformer",
        "European Conference on Computer Vision (ECCV)",
        "figures of TPT, beside which heads are reproduced",
    ),
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
        "dong2025",
        "Xu Dong, Xinran Liu, Wanqing Li, Anthony Adeyemi-Ejeye and Andrew Gilbert",
        2025,
        "UIL-AQA: Uncertainty-aware Clip-level Interpretable Action Quality Assessment",
        "International Journal of Computer Vision",
        "head uil",
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
        "ke2024",
        "Xiao Ke, Huangbiao Xu, Xiaofeng Lin and Wenzhong Guo",
        2024,
        "Two-path Target-aware Contrastive Regression for Action Quality Assessment",
        "Information Sciences",
        "head t2cr",
    ),
    Paper(
        "liu2021",
        "Daochang Liu, Qiyue Li, Tingting Jiang, Yizhou Wang, Rulin Miao, Fei Shan and Ziyu Li",
        2021,
        "Towards Unified Surgical Skill Assessment",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)",
        "figure of its network, beside which heads are reproduced",
    ),
    Paper(
        "majeedi2024",
        "Abrar Majeedi, Viswanatha Reddy Gajjala, Satya Sai Srinath Namburi GNVV and Yin Li",
        2024,
        "RICA2: Rubric-Informed, Calibrated Assessment of Actions",
        "European Conference on Computer Vision (ECCV)",
        "head rica2",
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
        "wang2021",
        "Shunli Wang, Dingkang Yang, Peng Zhai, Chixiao Chen and Lihua Zhang",
        2021,
        "TSA-Net: Tube Self-Attention Network for Action Quality Assessment",
        "ACM International Conference on Multimedia",
        "figures of TSA-Net, beside which heads are reproduced",
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
    Paper(
        "zhou2024",
        "Kanglei Zhou, Junlin Li, Ruizhi Cai, Liyuan Wang, Xingxing Zhang and Xiaohui Liang",
        2024,
        "CoFInAl: Enhancing Action Quality Assessment with Coarse-to-Fine Instruction Alignment",
        "International Joint Conference on Artificial Intelligence (IJCAI)",
        "head cofinal",
    ),
    Paper(
        "zhou2025",
        "Kanglei Zhou, Hubert P. H. Shum, Frederick W. B. Li, Xingxing Zhang and Xiaohui Liang",
        2025,
        "PHI: Bridging Domain Shift in Long-Term Action Quality Assessment via Progressive "
        "Hierarchical Instruction",
        "IEEE Transactions on Image Processing",
        "figures of PHI, beside which heads are reproduced",
    ),
)
