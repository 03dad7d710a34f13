# Sourced by the entry points. Says what one of them does, in English and Chinese, before anything is installed.
# Usage: show_usage NAME "$@"; ends the script when -h or --help is among its arguments.
show_usage() {
  local name="$1" argument
  shift
  for argument in "$@"; do
    case "$argument" in
      -h | --help)
        "usage_of_$name"
        exit 0
        ;;
    esac
  done
}

usage_of_demo() {
  cat <<'TEXT'
Usage: ./scripts/demo [--serve] [--json] [--data DIR] [--baskets N] [--sample N]

The main job from end to end on real retail data. Installs everything it needs first (Python 3.11 or newer).
主流程演示：用真实零售数据从头到尾运行一遍。首次运行会先安装所需的一切（需要 Python 3.11 或更新版本）。

  --serve        keep the gateway running and print its addresses   结束后保持网关运行并显示地址
  --json         end with one line of JSON                          最后输出一行 JSON
  --data DIR     data folder, emptied first                         数据目录，会先清空
  --baskets N    how many baskets to load                           载入多少个购物篮
  --sample N     how many members' proofs to check                  抽查多少名成员的证明
  -h, --help     this text, without installing anything             显示本说明，不安装任何东西
TEXT
}

usage_of_test() {
  cat <<'TEXT'
Usage: ./scripts/test [--only CHECK]...

Every check of this repository, as CI runs them. Installs everything it needs first (Python 3.11 or newer).
运行本仓库的全部检查，与 CI 相同。首次运行会先安装所需的一切（需要 Python 3.11 或更新版本）。

  --only CHECK   run this check only; may be repeated               只运行这一项检查，可重复使用
                 ("ruff check", "ruff format", "mypy strict", "contract artifacts", vectors,
                 forge, "forge strict", "gas table", slither, pytest)
  -h, --help     this text, without installing anything             显示本说明，不安装任何东西
TEXT
}

usage_of_bench() {
  cat <<'TEXT'
Usage: ./scripts/bench [--json] [--update] [--short] [--only GROUP]...

Measures the speed table of README.md. Installs everything it needs first (Python 3.11 or newer).
测量 README.md 中的性能表。首次运行会先安装所需的一切（需要 Python 3.11 或更新版本）。

  --json         print the rows as a JSON array                     以 JSON 数组输出各行
  --update       write the table into README.md as well             同时把结果写入 README.md
  --short        small sizes, to see that it works                  小规模运行，仅确认可用
  --only GROUP   measure this group only; may be repeated           只测量这一组，可重复使用
                 (append, proofs, verify, splits, writes, pages, chain, mirror)
  -h, --help     this text, without installing anything             显示本说明，不安装任何东西
TEXT
}

usage_of_chapter_year() {
  cat <<'TEXT'
Usage: ./scripts/chapter_year [--seed TEXT] [--members N] [--merchants N] [--days N] [--sales N] [--pairs-of N]
       [--block-time S] [--short] [--json]

One chapter for a year, generated from a seed. Installs everything it needs first (Python 3.11 or newer).
由一个种子生成并模拟一个分会的一年。首次运行会先安装所需的一切（需要 Python 3.11 或更新版本）。

  --seed TEXT      text that everything follows from                决定一切的种子文本
  --members N      how many members                                 成员数
  --merchants N    how many merchants                               商家数
  --days N         how many days                                    天数
  --sales N        sales a day                                      每日销售笔数
  --pairs-of N     play the first two of every N days               每 N 天只模拟前两天
  --block-time S   seconds between the chain's blocks               链的出块间隔（秒）
  --short          a small chapter and few days, every theme in it  小规模：较小的分会、较少的天数，但涵盖所有主题
  --json           end with one line of JSON                        最后输出一行 JSON
  -h, --help       this text, without installing anything           显示本说明，不安装任何东西
TEXT
}

usage_of_consortium() {
  cat <<'TEXT'
Usage: ./scripts/consortium [--data DIR] [--validators N] [--period S] [--epoch N] [--chain-id N]
       [--selftest] [--json]

A consortium of go-ethereum Clique validators on 127.0.0.1. Installs everything it needs first, builds geth
from source once (some minutes), runs until Ctrl-C and stops what it started.
在本机 127.0.0.1 上启动一个由 go-ethereum Clique 验证节点组成的联盟。首次运行会先安装所需的一切并从源码
编译 geth（需要几分钟），一直运行到 Ctrl-C，结束时停止它启动的全部进程。

  --data DIR       keep the network in this folder; start it again   网络保存在此目录，可再次启动
  --validators N   how many validators, at least 4                   验证节点数，至少 4 个
  --period S       seconds between blocks                            出块间隔（秒）
  --epoch N        blocks between two lists of signers               每隔多少个区块重新列出签名者
  --chain-id N     chain id of a new network                         新网络的链编号
  --selftest       play everything a consortium must stand, stop     自检：演练联盟必须经受的一切，然后停止
  --json           addresses (or the selftest's result) as JSON      以 JSON 输出地址（或自检结果）
  -h, --help       this text, without installing anything            显示本说明，不安装任何东西
TEXT
}
