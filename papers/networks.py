"""Networks that make features of videos."""

from __future__ import annotations

from aqa.papers.paper import Paper

NETWORKS = (
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
)
