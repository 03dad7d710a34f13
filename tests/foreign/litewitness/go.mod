module tongyi.example/litewitness

go 1.27.0

tool filippo.io/torchwood/cmd/litewitness

require filippo.io/torchwood v0.10.0
