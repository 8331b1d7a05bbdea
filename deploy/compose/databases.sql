-- One database per node; run once, when the cluster is made.
create database hub_national;
create database hub_zhejiang;
create database hub_sichuan;
