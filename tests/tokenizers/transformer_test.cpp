#include "tokenizers/transformer/token_transformer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "baselines/layers.h"
#include "core/error.h"
#include "tokenizers/module_state.h"
#include "tokenizers/transformer/decoder.h"
#include "tokenizers/transformer/kernels.h"

namespace windtunnel::tokenizers {
namespace {

const LatentGrid kGrid{3, 2, 5};

struct Shape {
  const char* name;
  int64_t dim, heads, kv, head_dim, hidden, vocabulary;
  bool qk_norm;
  const char* rope;
};
void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

TransformerOptions options(const Shape& s, const std::string& kernels) {
  TransformerOptions o;
  o.n_layers = 3;
  o.dim = s.dim;
  o.n_heads = s.heads;
  o.n_kv_heads = s.kv;
  o.head_dim = s.head_dim;
  o.ffn_hidden_size = s.hidden;
  o.vocab_size = s.vocabulary;
  o.use_qk_normalization = s.qk_norm;
  o.rope_dim = s.rope;
  o.kernels = kernels;
  return o;
}

class TransformerForms : public testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    torch::manual_seed(5);
    fast = std::make_unique<TokenTransformer>(options(GetParam(), "fast"));
    reference = std::make_unique<TokenTransformer>(options(GetParam(), "reference"));
    {
      const at::NoGradGuard guard;
      for (auto& item : fast->named_parameters())  // beyond the timid start, so that every part matters
        item.value().add_(at::randn(item.value().sizes()), item.value().dim() == 1 ? 0.2 : 0.15);
    }
    reference->load_state(module_state(*fast), "test");
    tokens = at::randint(0, GetParam().vocabulary, {2, kGrid.positions()}, at::kLong);
  }
  static void expect_close(const at::Tensor& a, const at::Tensor& b, double relative,
                           const std::string& what) {
    ASSERT_EQ(a.sizes(), b.sizes()) << what;
    EXPECT_LE((a - b).abs().max().item<double>(), relative * b.abs().max().item<double>() + 1e-12) << what;
  }
  std::unique_ptr<TokenTransformer> fast, reference;
  at::Tensor tokens;
};

TEST_P(TransformerForms, LogitsLossAndGradientsAgree) {
  expect_close(fast->logits(tokens, kGrid), reference->logits(tokens, kGrid), 1e-5, "logits");
  const at::Tensor a = fast->loss(tokens, kGrid) * 3, b = reference->loss(tokens, kGrid) * 3;
  expect_close(a, b, 1e-5, "loss");
  a.backward();
  b.backward();
  const auto expected = reference->named_parameters();
  for (const auto& item : fast->named_parameters())
    expect_close(item.value().grad(), expected[item.key()].grad(), 5e-5, item.key());
}

TEST_P(TransformerForms, DecodingGivesTheLogitsOfTheWholeSequence) {
  const at::NoGradGuard guard;
  const at::Tensor whole = reference->logits(tokens, kGrid);
  Decoder decoder(*fast, kGrid, 2);
  for (const int64_t prompt : {1, 2, 10, 17}) {
    decoder.rewind(0);
    expect_close(decoder.append(tokens.narrow(1, 0, prompt)), whole.select(1, prompt - 1), 1e-5, "prompt");
    for (int64_t i = prompt; i < kGrid.positions(); ++i)
      expect_close(decoder.append(tokens.narrow(1, i, 1)), whole.select(1, i), 1e-5, "step");
  }
  decoder.rewind(12);
  EXPECT_EQ(decoder.length(), 12);
  expect_close(decoder.append(tokens.narrow(1, 12, 3)), whole.select(1, 14), 1e-5, "after rewinding");
}

TEST_P(TransformerForms, GenerationAgrees) {
  SamplingOptions drawn;
  drawn.temperature = 1;
  drawn.top_p = 0.9;
  drawn.seed = 7;
  for (const SamplingOptions& sampling : {SamplingOptions(), drawn}) {
    const at::Tensor prompt = tokens.narrow(1, 0, 10);
    const at::Tensor a = generate(*fast, prompt, 20, kGrid, sampling);
    EXPECT_TRUE(a.equal(generate(*reference, prompt, 20, kGrid, sampling)));
    // Every sample has its own stream: alone it gives the same tokens.
    EXPECT_TRUE(generate(*fast, prompt.narrow(0, 1, 1), 20, kGrid, sampling, 1).equal(a.narrow(0, 1, 1)));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, TransformerForms,
                         testing::Values(Shape{"grouped", 32, 4, 2, 0, 48, 70, true, "3D"},
                                         Shape{"plain", 36, 3, 3, 0, 40, 33, false, "1D"},
                                         Shape{"one_kv", 40, 5, 1, 0, 56, 64, true, "3D"},
                                         Shape{"wide_heads", 24, 6, 2, 16, 31, 41, true, "3D"}),
                         [](const auto& info) { return info.param.name; });

TEST(Transformer, LoadingTakesTensorsOverWithoutACopy) {
  const Shape shape{"", 32, 4, 2, 0, 48, 70, true, "3D"};
  torch::manual_seed(1);
  const TokenTransformer source(options(shape, "fast"));
  const StateDict state = module_state(source);
  const auto empty = [&] {
    const baselines::ShapeOnly shapes;
    return std::make_unique<TokenTransformer>(options(shape, "fast"));
  };
  const auto model = empty();
  model->adopt_state(state, "test");
  EXPECT_EQ(model->output->weight.data_ptr(), source.output->weight.data_ptr());

  StateDict halves;
  for (const auto& [name, value] : state) halves.emplace_back(name, value.to(at::kBFloat16));
  const auto half = empty(), widened = empty();
  half->adopt_state(halves, "test");
  for (auto& [name, value] : halves) value = value.to(at::kFloat);
  widened->adopt_state(halves, "test");
  const at::NoGradGuard guard;
  const at::Tensor tokens = at::randint(0, 70, {1, 30}, at::kLong);
  Decoder a(*half, kGrid, 1), b(*widened, kGrid, 1);
  for (const int64_t n : {9, 1, 1}) {
    const at::Tensor part = tokens.narrow(1, a.length(), n);
    EXPECT_TRUE(at::allclose(a.append(part), b.append(part), 1e-5, 1e-6));
  }

  StateDict missing(state.begin() + 1, state.end());
  EXPECT_THROW(model->adopt_state(missing, "test"), Error);
  EXPECT_THROW(model->load_state(missing, "test"), Error);
}

TEST(Transformer, EightBitWeightsStayClose) {
  const Shape shape{"", 64, 4, 2, 0, 96, 128, true, "3D"};
  torch::manual_seed(2);
  TokenTransformer model(options(shape, "fast"));
  const at::Tensor tokens = at::randint(0, 128, {1, 30}, at::kLong);
  Decoder exact(model, kGrid, 1), rounded(model, kGrid, 1, /*int8=*/true);
  at::Tensor a, b;
  for (int64_t i = 0; i < 30; ++i) {
    a = exact.append(tokens.narrow(1, i, 1));
    b = rounded.append(tokens.narrow(1, i, 1));
  }
  const double error = ((a - b).norm() / a.norm()).item<double>();
  EXPECT_LT(error, 0.05);
  EXPECT_GT(error, 1e-5);  // it is in use
}

TEST(Transformer, RefusesWhatDoesNotFit) {
  TransformerOptions o = options({"", 32, 4, 3, 0, 48, 70, true, "3D"}, "fast");
  EXPECT_THROW(TokenTransformer{o}, Error);  // 4 heads, 3 key/value heads
  o.n_kv_heads = 2;
  o.head_dim = 4;
  EXPECT_THROW(TokenTransformer{o}, Error);  // three axes need a width of 6
  o.head_dim = 0;
  const TokenTransformer model(o);
  EXPECT_THROW(model.logits(at::arange(31, at::kLong).view({1, 31}), kGrid), Error);  // longer than the grid
  EXPECT_THROW(model.logits(at::arange(50, 75, at::kLong).view({1, 25}), kGrid),
               Error);  // beyond the vocabulary
  EXPECT_THROW(TransformerOptions::from_published({{"insert_cross_attn", true}}, "test"), Error);
  EXPECT_THROW(TransformerOptions::from_published({{"n_layer", 3}}, "test"), Error);
}

TEST(TransformerKernels, MatrixRowsInEveryForm) {
  torch::manual_seed(4);
  for (const int64_t in : {8, 19, 64})
    for (const int64_t rows : {1, 2, 3}) {
      const int64_t out = 11;
      const at::Tensor w = at::randn({out, in}), x = at::randn({rows, in}), start = at::randn({rows, out});
      const at::Tensor bytes = (w * 20).round().clamp(-127, 127).to(at::kChar),
                       scale = at::randn({out}).abs();
      const at::Tensor half = w.to(at::kBFloat16);
      using Kind = kernels::MatrixView::Kind;
      const std::vector<std::pair<kernels::MatrixView, at::Tensor>> forms = {
          {{Kind::f32, w.data_ptr(), nullptr, out, in}, w},
          {{Kind::bf16, half.data_ptr(), nullptr, out, in}, half.to(at::kFloat)},
          {{Kind::i8, bytes.data_ptr(), scale.data_ptr<float>(), out, in},
           bytes.to(at::kFloat) * scale.unsqueeze(1)}};
      for (const auto& [view, values] : forms)
        for (const bool add : {false, true}) {
          at::Tensor y = start.clone(), expected = start.clone();
          kernels::matrix_rows(view, x.data_ptr<float>(), rows, 2, 9, y.data_ptr<float>(), out, add);
          at::Tensor part = expected.narrow(1, 2, 7);
          const at::Tensor product = x.matmul(values.narrow(0, 2, 7).t());
          part.copy_(add ? part + product : product);
          EXPECT_TRUE(at::allclose(y, expected, 1e-5, 1e-4))
              << in << " " << rows << " " << static_cast<int>(view.kind);
        }
    }
}

}  // namespace
}  // namespace windtunnel::tokenizers
