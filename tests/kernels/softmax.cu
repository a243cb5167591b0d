extern "C" __global__ void __launch_bounds__(512, 1)
k_softmax(
    const f32 *__restrict__ b0_x,
    f32 *__restrict__ b1_y,
    i64 n0_x,
    i64 n1_y,
    i64 g0_rows,
    i64 g1_columns,
    int *__restrict__ fault) {
  __shared__ f32 s0[32];
  __shared__ f32 s1[32];
  bool r8 = (u64)b0_x % 16 == 0;
  i64 r9 = op_rem(g1_columns, 4ll);
  bool r10 = op_equal(r9, 0ll);
  bool r11 = op_and(r8, r10);
  i64 r12 = op_rem(g1_columns, 4ll);
  i64 r13 = op_sub(g1_columns, r12);
  i64 r14 = op_select(r11, r13, 0ll);
  bool r47 = (u64)b0_x % 16 == 0;
  bool r48 = (u64)b1_y % 16 == 0;
  i64 r49 = op_rem(g1_columns, 4ll);
  bool r50 = op_equal(r49, 0ll);
  bool r51 = op_and(r47, r48);
  bool r52 = op_and(r51, r50);
  i64 r53 = op_rem(g1_columns, 4ll);
  i64 r54 = op_sub(g1_columns, r53);
  i64 r55 = op_select(r52, r54, 0ll);
  bool r192 = (u64)b1_y % 16 == 0;
  i64 r193 = op_rem(g1_columns, 4ll);
  bool r194 = op_equal(r193, 0ll);
  bool r195 = op_and(r192, r194);
  i64 r196 = op_rem(g1_columns, 4ll);
  i64 r197 = op_sub(g1_columns, r196);
  i64 r198 = op_select(r195, r197, 0ll);
  i64 r2 = threadIdx.x;
  i64 r3 = blockDim.x;
  i64 r4 = blockIdx.x;
  i64 r5 = gridDim.x;
  #pragma unroll 1
  for (i64 r6 = r4; r6 < g0_rows; r6 += r5) {
    f32 r222 = __uint_as_float(0xff800000);
    i64 r223 = op_mul(r2, 4ll);
    i64 r224 = op_mul(r3, 4ll);
    #pragma unroll 1
    for (i64 r225 = r223; r225 < r14; r225 += r224) {
      i64 r226 = op_mul(r6, g1_columns);
      i64 r227 = op_add(r226, r225);
      const several<f32, 4> w228 = *(const several<f32, 4> *)(b0_x + r227);
      f32 r228 = load_f32(w228.at[0]);
      f32 r229 = load_f32(w228.at[1]);
      f32 r230 = load_f32(w228.at[2]);
      f32 r231 = load_f32(w228.at[3]);
      r222 = op_max(r222, r228);
      r222 = op_max(r222, r229);
      r222 = op_max(r222, r230);
      r222 = op_max(r222, r231);
    }
    i64 r232 = op_add(r14, r2);
    #pragma unroll 1
    for (i64 r233 = r232; r233 < g1_columns; r233 += r3) {
      i64 r234 = op_mul(r6, g1_columns);
      i64 r235 = op_add(r234, r233);
      const f32 w236 = b0_x[r235];
      f32 r236 = load_f32(w236);
      r222 = op_max(r222, r236);
    }
    f32 r237 = __shfl_xor_sync(0xffffffff, r222, 16);
    f32 r238 = op_max(r222, r237);
    f32 r239 = __shfl_xor_sync(0xffffffff, r238, 8);
    f32 r240 = op_max(r238, r239);
    f32 r241 = __shfl_xor_sync(0xffffffff, r240, 4);
    f32 r242 = op_max(r240, r241);
    f32 r243 = __shfl_xor_sync(0xffffffff, r242, 2);
    f32 r244 = op_max(r242, r243);
    f32 r245 = __shfl_xor_sync(0xffffffff, r244, 1);
    f32 r246 = op_max(r244, r245);
    i64 r247 = op_rem(r2, 32ll);
    bool r248 = op_equal(r247, 0ll);
    if (r248) {
      i64 r249 = op_div(r2, 32ll);
      s0[r249] = r246;
    }
    i64 r250 = op_div(r3, 32ll);
    __syncthreads();
    f32 r251 = s0[0ll];
    #pragma unroll 1
    for (i64 r252 = 1ll; r252 < r250; r252 += 1ll) {
      f32 r253 = s0[r252];
      r251 = op_max(r251, r253);
    }
    f32 r254 = 0.0f;
    i64 r255 = op_mul(r2, 4ll);
    i64 r256 = op_mul(r3, 4ll);
    #pragma unroll 1
    for (i64 r257 = r255; r257 < r55; r257 += r256) {
      i64 r258 = op_mul(r6, g1_columns);
      i64 r259 = op_add(r258, r257);
      const several<f32, 4> w260 = *(const several<f32, 4> *)(b0_x + r259);
      f32 r260 = load_f32(w260.at[0]);
      f32 r261 = load_f32(w260.at[1]);
      f32 r262 = load_f32(w260.at[2]);
      f32 r263 = load_f32(w260.at[3]);
      f32 r264 = op_sub(r260, r251);
      f32 r265 = op_sub(r261, r251);
      f32 r266 = op_sub(r262, r251);
      f32 r267 = op_sub(r263, r251);
      f32 r268 = -87.0f;
      f32 r269 = 88.0f;
      f32 r270 = op_max(r264, r268);
      f32 r271 = op_max(r265, r268);
      f32 r272 = op_max(r266, r268);
      f32 r273 = op_max(r267, r268);
      f32 r274 = op_min(r270, r269);
      f32 r275 = op_min(r271, r269);
      f32 r276 = op_min(r272, r269);
      f32 r277 = op_min(r273, r269);
      f32 r278 = 1.442695f;
      f32 r279 = op_mul(r274, r278);
      f32 r280 = op_mul(r275, r278);
      f32 r281 = op_mul(r276, r278);
      f32 r282 = op_mul(r277, r278);
      f32 r283 = op_nearest(r279);
      f32 r284 = op_nearest(r280);
      f32 r285 = op_nearest(r281);
      f32 r286 = op_nearest(r282);
      f32 r287 = -0.6933594f;
      f32 r288 = op_fma(r283, r287, r274);
      f32 r289 = op_fma(r284, r287, r275);
      f32 r290 = op_fma(r285, r287, r276);
      f32 r291 = op_fma(r286, r287, r277);
      f32 r292 = 0.00021219444f;
      f32 r293 = op_fma(r283, r292, r288);
      f32 r294 = op_fma(r284, r292, r289);
      f32 r295 = op_fma(r285, r292, r290);
      f32 r296 = op_fma(r286, r292, r291);
      f32 r297 = 0.00019875691f;
      f32 r298 = 0.0013981999f;
      f32 r299 = op_fma(r297, r293, r298);
      f32 r300 = op_fma(r297, r294, r298);
      f32 r301 = op_fma(r297, r295, r298);
      f32 r302 = op_fma(r297, r296, r298);
      f32 r303 = 0.008333452f;
      f32 r304 = op_fma(r299, r293, r303);
      f32 r305 = op_fma(r300, r294, r303);
      f32 r306 = op_fma(r301, r295, r303);
      f32 r307 = op_fma(r302, r296, r303);
      f32 r308 = 0.041665796f;
      f32 r309 = op_fma(r304, r293, r308);
      f32 r310 = op_fma(r305, r294, r308);
      f32 r311 = op_fma(r306, r295, r308);
      f32 r312 = op_fma(r307, r296, r308);
      f32 r313 = 0.16666666f;
      f32 r314 = op_fma(r309, r293, r313);
      f32 r315 = op_fma(r310, r294, r313);
      f32 r316 = op_fma(r311, r295, r313);
      f32 r317 = op_fma(r312, r296, r313);
      f32 r318 = 0.5f;
      f32 r319 = op_fma(r314, r293, r318);
      f32 r320 = op_fma(r315, r294, r318);
      f32 r321 = op_fma(r316, r295, r318);
      f32 r322 = op_fma(r317, r296, r318);
      f32 r323 = 1.0f;
      f32 r324 = op_fma(r319, r293, r323);
      f32 r325 = op_fma(r320, r294, r323);
      f32 r326 = op_fma(r321, r295, r323);
      f32 r327 = op_fma(r322, r296, r323);
      f32 r328 = 1.0f;
      f32 r329 = op_fma(r324, r293, r328);
      f32 r330 = op_fma(r325, r294, r328);
      f32 r331 = op_fma(r326, r295, r328);
      f32 r332 = op_fma(r327, r296, r328);
      f32 r333 = op_scale2(r329, r283);
      f32 r334 = op_scale2(r330, r284);
      f32 r335 = op_scale2(r331, r285);
      f32 r336 = op_scale2(r332, r286);
      i64 r337 = op_mul(r6, g1_columns);
      i64 r338 = op_add(r337, r257);
      put(&(*(several<f32, 4> *)(b1_y + r338)).all, several<f32, 4>{{store_f32(r333), store_f32(r334), store_f32(r335), store_f32(r336)}}.all);
      r254 = op_add(r254, r333);
      r254 = op_add(r254, r334);
      r254 = op_add(r254, r335);
      r254 = op_add(r254, r336);
    }
    i64 r339 = op_add(r55, r2);
    #pragma unroll 1
    for (i64 r340 = r339; r340 < g1_columns; r340 += r3) {
      i64 r341 = op_mul(r6, g1_columns);
      i64 r342 = op_add(r341, r340);
      const f32 w343 = b0_x[r342];
      f32 r343 = load_f32(w343);
      f32 r344 = op_sub(r343, r251);
      f32 r345 = -87.0f;
      f32 r346 = 88.0f;
      f32 r347 = op_max(r344, r345);
      f32 r348 = op_min(r347, r346);
      f32 r349 = 1.442695f;
      f32 r350 = op_mul(r348, r349);
      f32 r351 = op_nearest(r350);
      f32 r352 = -0.6933594f;
      f32 r353 = op_fma(r351, r352, r348);
      f32 r354 = 0.00021219444f;
      f32 r355 = op_fma(r351, r354, r353);
      f32 r356 = 0.00019875691f;
      f32 r357 = 0.0013981999f;
      f32 r358 = op_fma(r356, r355, r357);
      f32 r359 = 0.008333452f;
      f32 r360 = op_fma(r358, r355, r359);
      f32 r361 = 0.041665796f;
      f32 r362 = op_fma(r360, r355, r361);
      f32 r363 = 0.16666666f;
      f32 r364 = op_fma(r362, r355, r363);
      f32 r365 = 0.5f;
      f32 r366 = op_fma(r364, r355, r365);
      f32 r367 = 1.0f;
      f32 r368 = op_fma(r366, r355, r367);
      f32 r369 = 1.0f;
      f32 r370 = op_fma(r368, r355, r369);
      f32 r371 = op_scale2(r370, r351);
      i64 r372 = op_mul(r6, g1_columns);
      i64 r373 = op_add(r372, r340);
      b1_y[r373] = store_f32(r371);
      r254 = op_add(r254, r371);
    }
    f32 r374 = __shfl_xor_sync(0xffffffff, r254, 16);
    f32 r375 = op_add(r254, r374);
    f32 r376 = __shfl_xor_sync(0xffffffff, r375, 8);
    f32 r377 = op_add(r375, r376);
    f32 r378 = __shfl_xor_sync(0xffffffff, r377, 4);
    f32 r379 = op_add(r377, r378);
    f32 r380 = __shfl_xor_sync(0xffffffff, r379, 2);
    f32 r381 = op_add(r379, r380);
    f32 r382 = __shfl_xor_sync(0xffffffff, r381, 1);
    f32 r383 = op_add(r381, r382);
    i64 r384 = op_rem(r2, 32ll);
    bool r385 = op_equal(r384, 0ll);
    if (r385) {
      i64 r386 = op_div(r2, 32ll);
      s1[r386] = r383;
    }
    i64 r387 = op_div(r3, 32ll);
    __syncthreads();
    f32 r388 = s1[0ll];
    #pragma unroll 1
    for (i64 r389 = 1ll; r389 < r387; r389 += 1ll) {
      f32 r390 = s1[r389];
      r388 = op_add(r388, r390);
    }
    i64 r391 = op_mul(r2, 4ll);
    i64 r392 = op_mul(r3, 4ll);
    #pragma unroll 1
    for (i64 r393 = r391; r393 < r198; r393 += r392) {
      i64 r394 = op_mul(r6, g1_columns);
      i64 r395 = op_add(r394, r393);
      const several<f32, 4> w396 = *(several<f32, 4> *)(b1_y + r395);
      f32 r396 = load_f32(w396.at[0]);
      f32 r397 = load_f32(w396.at[1]);
      f32 r398 = load_f32(w396.at[2]);
      f32 r399 = load_f32(w396.at[3]);
      f32 r400 = op_div(r396, r388);
      f32 r401 = op_div(r397, r388);
      f32 r402 = op_div(r398, r388);
      f32 r403 = op_div(r399, r388);
      i64 r404 = op_mul(r6, g1_columns);
      i64 r405 = op_add(r404, r393);
      put(&(*(several<f32, 4> *)(b1_y + r405)).all, several<f32, 4>{{store_f32(r400), store_f32(r401), store_f32(r402), store_f32(r403)}}.all);
    }
    i64 r406 = op_add(r198, r2);
    #pragma unroll 1
    for (i64 r407 = r406; r407 < g1_columns; r407 += r3) {
      i64 r408 = op_mul(r6, g1_columns);
      i64 r409 = op_add(r408, r407);
      const f32 w410 = b1_y[r409];
      f32 r410 = load_f32(w410);
      f32 r411 = op_div(r410, r388);
      i64 r412 = op_mul(r6, g1_columns);
      i64 r413 = op_add(r412, r407);
      b1_y[r413] = store_f32(r411);
    }
  }
}
